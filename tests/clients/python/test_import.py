"""AdminService: imports, which are stored whole or not at all, and exports."""

import grpc
import pytest
from calls import PAST, assert_invalid, assert_not_listed, batch, check, finish, get, seen
from google.protobuf.timestamp_pb2 import Timestamp
from numguard.v1 import admin_pb2, check_pb2


def exported(admin, **wanted):
    """All listings that match a filter."""
    wanted = admin_pb2.ListingFilter(**wanted)
    parts = admin.ExportListings(admin_pb2.ExportListingsRequest(filter=wanted))
    return [listing for part in parts for listing in part.listings]


def test_an_import_is_stored_whole_and_counts_at_once(admin, checks, own_numbers):
    """Batches and a finish are stored in one step; the next check sees them."""
    once, twice = own_numbers + "60001", own_numbers + "65001"
    now = Timestamp()
    now.GetCurrentTime()
    now.nanos = 0
    earlier = Timestamp(seconds=now.seconds - 86_400)
    parts = [
        batch([seen(once, "red", now, now), seen(twice, "red", earlier, earlier, 2)]),
        batch([seen(twice, "red", now, now, 3)]),
        finish(3),
    ]
    answer = admin.ImportListings(iter(parts))
    assert (answer.received, answer.subjects, answer.added) == (3, 2, 2)
    glimpsed = check(checks, once)
    assert glimpsed.freshness.revision >= answer.revision
    assert glimpsed.verdict == check_pb2.VERDICT_CHALLENGE
    assert glimpsed.reasons[0].code == "PUBLIC_INBOX"
    assert "red" in glimpsed.reasons[0].evidence
    assert check(checks, twice).verdict == check_pb2.VERDICT_BLOCK
    assert get(admin, twice) == seen(twice, "red", earlier, now, 5)


def test_an_import_without_finish_stores_nothing(admin, own_numbers):
    """A stream that ends early is refused, and nothing of it is stored."""
    number = own_numbers + "70001"
    with pytest.raises(grpc.RpcError) as refused:
        admin.ImportListings(iter([batch([seen(number, "red")])]))
    assert_invalid(refused, "finish")
    assert_not_listed(admin, number)


def test_an_import_with_the_wrong_count_stores_nothing(admin, own_numbers):
    """A finish that counts otherwise is refused, and nothing of the import is stored."""
    number = own_numbers + "75001"
    for count in [0, 2]:
        with pytest.raises(grpc.RpcError) as refused:
            admin.ImportListings(iter([batch([seen(number, "red")]), finish(count)]))
        assert_invalid(refused, "finish.listings")
    assert_not_listed(admin, number)


def test_an_import_with_a_wrong_row_stores_nothing(admin, own_numbers):
    """A wrong row is named by its place in the whole import, and nothing is stored."""
    number = own_numbers + "80001"
    good = [seen(number, "red"), seen(own_numbers + "80002", "red")]
    undated = admin_pb2.Decision(action=admin_pb2.ACTION_BLOCK)
    untimed = seen(number, "red")
    untimed.sightings[0].ClearField("last_seen")
    for wrong, field in [
        (seen("07400 123456", "red"), "subject"),
        (seen(number, "Not A Feed"), "sightings"),
        (seen(number, "red", Timestamp(seconds=2), Timestamp(seconds=1)), "sightings"),
        (untimed, "sightings"),
        (admin_pb2.Listing(subject=number, decision=undated), "decision"),
    ]:
        parts = [batch(good), batch([seen(number, "red"), wrong]), finish(4)]
        with pytest.raises(grpc.RpcError) as refused:
            admin.ImportListings(iter(parts))
        assert_invalid(refused, f"batch.listings[3].{field}")
    assert_not_listed(admin, number)


def test_the_largest_batch_of_an_import(admin, own_numbers):
    """A batch of 10,000 listings passes; one more is refused, and nothing is stored."""
    number = own_numbers + "82001"
    longer = [seen(number, "red")] * 10_001
    with pytest.raises(grpc.RpcError) as refused:
        admin.ImportListings(iter([batch(longer), finish(len(longer))]))
    assert_invalid(refused, "batch.listings")
    assert_not_listed(admin, number)
    largest = longer[:-1]
    answer = admin.ImportListings(iter([batch(largest), finish(len(largest))]))
    assert (answer.received, answer.subjects) == (10_000, 1)


def test_an_export_returns_what_was_imported(admin, own_numbers):
    """Sightings and decisions come back as they were given, in order of subject."""
    prefix = own_numbers + "85"
    decision = admin_pb2.Decision(
        action=admin_pb2.ACTION_BLOCK,
        reason="résumé of a case",
        author="carol",
        decided_at=PAST,
        expires_at=Timestamp(seconds=PAST.seconds + 86_400),
    )
    listings = [seen(f"{prefix}{n:03}", "green", count=n + 1) for n in range(500)]
    listings[7].decision.CopyFrom(decision)
    listings.append(admin_pb2.Listing(subject=prefix + "7*", decision=decision))
    answer = admin.ImportListings(iter([batch(listings), finish(len(listings))]))
    assert answer.added == len(listings)
    assert exported(admin, prefix=prefix) == listings
    assert exported(admin, feed="green") == listings[:-1]


def test_an_export_without_filter_returns_everything(admin):
    """The whole export has each subject once, as many as the stats count in the store."""
    store = admin.GetStats(admin_pb2.GetStatsRequest()).store
    subjects = [listing.subject for listing in exported(admin)]
    assert len(subjects) == len(set(subjects)) == store.numbers + store.ranges
