"""AdminService: operators' decisions, pages of listings, and stats."""

import grpc
import pytest
from calls import PAST, assert_invalid, assert_not_listed, batch, check, finish, get, put, seen
from numguard.v1 import admin_pb2, check_pb2

BLOCK = admin_pb2.Decision(action=admin_pb2.ACTION_BLOCK, reason="sold to many", author="alice")
ALLOW = admin_pb2.Decision(action=admin_pb2.ACTION_ALLOW, reason="owner called", author="bob")


def test_a_block_listing_counts_at_once(admin, checks, own_numbers):
    """The next check after PutListing is BLOCK, with reason and author as evidence."""
    number = own_numbers + "10001"
    assert check(checks, number).verdict == check_pb2.VERDICT_ALLOW
    stored = put(admin, number, BLOCK)
    assert stored.listing.decision.action == admin_pb2.ACTION_BLOCK
    assert stored.listing.decision.HasField("decided_at")
    assert stored.listing == get(admin, number)
    answer = check(checks, number)
    assert answer.verdict == check_pb2.VERDICT_BLOCK
    assert answer.risk_score == 100
    assert answer.freshness.revision >= stored.revision
    assert answer.reasons[0].code == "BLOCK_LISTED"
    assert "sold to many" in answer.reasons[0].evidence
    assert "alice" in answer.reasons[0].evidence


def test_an_allow_listing_beats_a_block_listing(admin, checks, own_numbers):
    """ALLOW on a number wins over an earlier BLOCK on it, and over a BLOCK on its range."""
    number = own_numbers + "15001"
    put(admin, number, BLOCK)
    put(admin, own_numbers + "15*", BLOCK)
    put(admin, number, ALLOW)
    answer = check(checks, number)
    assert answer.verdict == check_pb2.VERDICT_ALLOW
    assert answer.risk_score == 0
    evidence = [reason.evidence for reason in answer.reasons if reason.code == "ALLOW_LISTED"]
    assert len(evidence) == 1 and "owner called" in evidence[0] and "bob" in evidence[0]
    assert check(checks, own_numbers + "15002").verdict == check_pb2.VERDICT_BLOCK


def test_an_allow_listing_beats_the_feeds(admin, checks, starter):
    """A number of the starter list passes once its owner was heard; its sightings stay."""
    number = starter[50_000][0]
    assert check(checks, number).verdict == check_pb2.VERDICT_CHALLENGE
    put(admin, number, ALLOW)
    assert check(checks, number).verdict == check_pb2.VERDICT_ALLOW
    assert [sighting.feed for sighting in get(admin, number).sightings] == ["ip1sms-starter"]


def test_an_allow_listing_of_a_range_beats_a_block_listing_of_a_number(admin, checks, own_numbers):
    """ALLOW on a range wins over BLOCK on a number in it."""
    number = own_numbers + "16001"
    put(admin, number, BLOCK)
    put(admin, own_numbers + "16*", ALLOW)
    assert check(checks, number).verdict == check_pb2.VERDICT_ALLOW


def test_the_latest_decision_counts(admin, checks, own_numbers):
    """An operator may change his mind at once: the decision that was put last stands."""
    number = own_numbers + "17001"
    for _ in range(3):
        assert put(admin, number, ALLOW).listing.decision.action == admin_pb2.ACTION_ALLOW
        assert check(checks, number).verdict == check_pb2.VERDICT_ALLOW
        assert put(admin, number, BLOCK).listing.decision.action == admin_pb2.ACTION_BLOCK
        assert check(checks, number).verdict == check_pb2.VERDICT_BLOCK


def test_a_prefix_matches(admin, checks, own_numbers):
    """A decision on a prefix counts for the numbers that begin so, and no others."""
    put(admin, own_numbers + "201*", BLOCK)
    answer = check(checks, own_numbers + "20100")
    assert answer.verdict == check_pb2.VERDICT_BLOCK
    assert own_numbers + "201*" in answer.reasons[0].evidence
    assert check(checks, own_numbers + "20199").verdict == check_pb2.VERDICT_BLOCK
    assert check(checks, own_numbers + "20099").verdict == check_pb2.VERDICT_ALLOW
    assert check(checks, own_numbers + "20200").verdict == check_pb2.VERDICT_ALLOW


def test_a_span_matches(admin, checks, own_numbers):
    """A decision on first..last counts for both ends and between, and no further."""
    span = f"{own_numbers}25150..{own_numbers}25249"
    put(admin, span, BLOCK)
    for inside in ["25150", "25200", "25249"]:
        answer = check(checks, own_numbers + inside)
        assert answer.verdict == check_pb2.VERDICT_BLOCK
        assert span in answer.reasons[0].evidence
    for outside in ["25149", "25250"]:
        assert check(checks, own_numbers + outside).verdict == check_pb2.VERDICT_ALLOW


@pytest.mark.parametrize(
    ("subject", "decision", "field"),
    [
        ("07400 123456", BLOCK, "subject"),
        ("+447400599999..+447400500000", BLOCK, "subject"),
        ("+447400530001", None, "decision"),
        ("+447400530001", admin_pb2.Decision(reason="no action"), "decision.action"),
        ("+447400530001", admin_pb2.Decision(action=2, reason="x" * 501), "decision.reason"),
        ("+447400530001", admin_pb2.Decision(action=2, author="x" * 101), "decision.author"),
        ("+447400530001", admin_pb2.Decision(action=2, expires_at=PAST), "decision.expires_at"),
    ],
)
def test_a_wrong_put_is_named(admin, subject, decision, field):
    """What is out of form is refused by name and not stored."""
    with pytest.raises(grpc.RpcError) as refused:
        put(admin, subject, decision)
    assert_invalid(refused, field)
    assert_not_listed(admin, "+447400530001")


def test_get_of_what_is_not_listed(admin, own_numbers):
    """NOT_FOUND for a number and for a range."""
    assert_not_listed(admin, own_numbers + "35001")
    assert_not_listed(admin, own_numbers + "35*")


def test_delete(admin, checks, own_numbers):
    """Deleted listings are gone at once; the answer counts those that were listed."""
    subjects = [own_numbers + "40001", own_numbers + "401*"]
    for subject in subjects:
        put(admin, subject, BLOCK)
    assert check(checks, own_numbers + "40100").verdict == check_pb2.VERDICT_BLOCK
    request = admin_pb2.DeleteListingsRequest(subjects=subjects + [own_numbers + "40002"])
    assert admin.DeleteListings(request).deleted == 2
    for subject in subjects:
        assert_not_listed(admin, subject)
    assert check(checks, own_numbers + "40001").verdict == check_pb2.VERDICT_ALLOW
    assert check(checks, own_numbers + "40100").verdict == check_pb2.VERDICT_ALLOW
    assert admin.DeleteListings(request).deleted == 0


def test_a_wrong_delete_is_named(admin, own_numbers):
    """One wrong subject refuses the whole delete; so does none at all."""
    number = own_numbers + "45001"
    put(admin, number, BLOCK)
    with pytest.raises(grpc.RpcError) as refused:
        admin.DeleteListings(admin_pb2.DeleteListingsRequest(subjects=[number, "hello"]))
    assert_invalid(refused, "subjects[1]")
    assert get(admin, number).subject == number
    with pytest.raises(grpc.RpcError) as refused:
        admin.DeleteListings(admin_pb2.DeleteListingsRequest())
    assert_invalid(refused, "subjects")


def test_pages_walk_all_matches_exactly_once(admin, own_numbers):
    """Page tokens lead through every number and range of a prefix, in order, each once."""
    prefix = own_numbers + "50"
    subjects = [f"{prefix}{n:03}" for n in range(100, 120)] + [f"{prefix}1*", f"{prefix}2*"]
    listings = [seen(subject, "pages") for subject in subjects]
    admin.ImportListings(iter([batch(listings), finish(len(listings))]))
    for page_size in [1, 7, 11, 1_000]:
        found = []
        token = ""
        for _ in range(len(subjects) + 2):
            page = admin.ListListings(
                admin_pb2.ListListingsRequest(
                    filter=admin_pb2.ListingFilter(prefix=prefix),
                    page_size=page_size,
                    page_token=token,
                )
            )
            assert len(page.listings) <= page_size
            found += [listing.subject for listing in page.listings]
            token = page.next_page_token
            if not token:
                break
        assert token == ""
        assert found == subjects


def test_filters(admin, own_numbers):
    """Kind, feed and action each choose."""
    prefix = own_numbers + "55"
    listings = [
        seen(prefix + "001", "red"),
        seen(prefix + "002", "blue"),
        seen(prefix + "1*", "red"),
    ]
    admin.ImportListings(iter([batch(listings), finish(3)]))
    put(admin, prefix + "002", ALLOW)
    for wanted, found in [
        ({"kind": admin_pb2.SUBJECT_KIND_NUMBER}, ["001", "002"]),
        ({"kind": admin_pb2.SUBJECT_KIND_RANGE}, ["1*"]),
        ({"feed": "red"}, ["001", "1*"]),
        ({"feed": "red", "kind": admin_pb2.SUBJECT_KIND_RANGE}, ["1*"]),
        ({"feed": "green"}, []),
        ({"action": admin_pb2.ACTION_ALLOW}, ["002"]),
        ({"action": admin_pb2.ACTION_BLOCK}, []),
    ]:
        wanted = admin_pb2.ListingFilter(prefix=prefix, **wanted)
        page = admin.ListListings(admin_pb2.ListListingsRequest(filter=wanted))
        assert [listing.subject for listing in page.listings] == [prefix + end for end in found]


def test_a_wrong_page_is_named(admin):
    """A token of another filter, a made-up token, size and filter are refused by name."""
    first = admin_pb2.ListListingsRequest(
        filter=admin_pb2.ListingFilter(prefix="+44"), page_size=1
    )
    token = admin.ListListings(first).next_page_token
    assert token
    other = admin_pb2.ListingFilter(prefix="+46")
    for wrong, field in [
        ({"filter": other, "page_token": token}, "page_token"),
        ({"page_token": token}, "page_token"),
        ({"page_token": "hello"}, "page_token"),
        ({"page_token": "Ü"}, "page_token"),
        ({"page_size": 1_001}, "page_size"),
        ({"filter": {"prefix": "44"}}, "filter.prefix"),
        ({"filter": {"feed": "Not A Feed"}}, "filter.feed"),
    ]:
        with pytest.raises(grpc.RpcError) as refused:
            admin.ListListings(admin_pb2.ListListingsRequest(**wrong))
        assert_invalid(refused, field)


def test_stats(admin, own_numbers):
    """A decision and an import show in the counts."""
    before = admin.GetStats(admin_pb2.GetStatsRequest())
    put(admin, own_numbers + "90*", BLOCK)
    admin.ImportListings(iter([batch([seen(own_numbers + "91001", "violet")]), finish(1)]))
    after = admin.GetStats(admin_pb2.GetStatsRequest())
    assert after.store.numbers == before.store.numbers + 1
    assert after.store.ranges == before.store.ranges + 1
    assert after.store.decisions == before.store.decisions + 1
    assert after.store.cursor > before.store.cursor
    assert after.index.cursor == after.store.cursor
    assert after.index.revision > before.index.revision
    violet = [feed for feed in after.feeds if feed.feed == "violet"]
    assert [feed.listings for feed in violet] == [1]
    assert sum(feed.listings for feed in after.feeds if feed.feed == "ip1sms-starter") > 90_000
    assert 44 in [country.country_code for country in after.countries]
    assert after.version and after.policy_version and after.metadata_version


def test_stats_of_store_and_index_agree(admin, own_numbers):
    """A number with a decision and no sighting is a listed number, in store and index alike."""
    put(admin, own_numbers + "95001", BLOCK)
    put(admin, own_numbers + "95*", BLOCK)
    stats = admin.GetStats(admin_pb2.GetStatsRequest())
    assert stats.index.ranges == stats.store.ranges
    assert stats.index.numbers == stats.store.numbers


def test_policies_can_be_read_and_validated(admin):
    """The policy in force validates; a change for the worse is told with line and setting."""
    (policy,) = admin.GetPolicies(admin_pb2.GetPoliciesRequest()).policies
    assert (policy.name, policy.challenge_from, policy.block_from) == ("default", 50, 85)
    text = policy.settings
    good = admin.ValidatePolicy(admin_pb2.ValidatePolicyRequest(text=text))
    assert not good.problems
    assert [p.version for p in good.policies] == [policy.version]
    named = text + "\n[policy.payout]\nthresholds = { challenge = 30, block = 20 }\n"
    bad = admin.ValidatePolicy(admin_pb2.ValidatePolicyRequest(text=named))
    (problem,) = bad.problems
    assert problem.setting == "policy.payout.thresholds.block" and problem.refused
    assert problem.line == named[: named.index("block = 20")].count("\n") + 1
    assert not bad.policies
