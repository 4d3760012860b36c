"""CheckService: what a sign-up form asks."""

import time
from queue import Queue

import grpc
import pytest
from calls import assert_invalid, put
from google.protobuf.timestamp_pb2 import Timestamp
from numguard.v1 import admin_pb2, check_pb2

LARGEST_BATCH = 10_000


def request(number, region=""):
    """A request to check one number."""
    return check_pb2.CheckNumberRequest(number=number, default_region=region)


def batch(requests):
    """A request to check many numbers."""
    return check_pb2.BatchCheckNumbersRequest(requests=requests)


def test_a_number_of_the_starter_list_is_challenged(checks, starter):
    """A number from a public-inbox page is CHALLENGE, with the feed and day as evidence."""
    for number, last_seen in starter[5::9_000]:
        answer = checks.CheckNumber(request(number))
        assert answer.number == number
        assert answer.verdict == check_pb2.VERDICT_CHALLENGE, answer
        assert answer.message_key == "number.challenge"
        assert 50 <= answer.risk_score <= 100
        evidence = [r.evidence for r in answer.reasons if r.code == "PUBLIC_INBOX"]
        assert len(evidence) == 1
        assert "ip1sms-starter" in evidence[0] and last_seen in evidence[0]


def test_an_ordinary_number_is_allowed(checks):
    """A subscriber's mobile number is ALLOW, with what the numbering plan says about it."""
    answer = checks.CheckNumber(request("+447400123456"))
    assert answer.verdict == check_pb2.VERDICT_ALLOW
    assert answer.number == "+447400123456"
    assert answer.risk_score == 0
    assert not answer.reasons
    assert answer.message_key == ""
    assert answer.number_facts == check_pb2.NumberFacts(
        country_code=44, region="GB", line_type="MOBILE", validity="VALID", range_holder="Three"
    )


def test_every_answer_tells_where_it_comes_from(checks):
    """Answers have an id of their own, the policy, and a fresh index."""
    first = checks.CheckNumber(request("+447400123456"))
    second = checks.CheckNumber(request("+447400123456"))
    assert first.check_id and second.check_id
    assert first.check_id != second.check_id
    assert first.policy_version
    assert first.freshness.revision > 0
    assert not first.freshness.degraded


@pytest.mark.parametrize("text", ["07400 123456", "07400-123456", "+44 (0)7400 123456"])
def test_national_form_with_a_default_region(checks, text):
    """What a person types in Britain is the same number."""
    answer = checks.CheckNumber(request(text, "GB"))
    assert answer.number == "+447400123456"
    assert answer.verdict == check_pb2.VERDICT_ALLOW


@pytest.mark.parametrize("text", ["", "hello", "+44 7400 12345x", "07400 123456", "+999123456"])
def test_a_text_that_is_not_a_number_is_an_answer(checks, text):
    """What is no number is BLOCK with INVALID_NUMBER, not an error."""
    answer = checks.CheckNumber(request(text))
    assert answer.verdict == check_pb2.VERDICT_BLOCK
    assert [reason.code for reason in answer.reasons] == ["INVALID_NUMBER"]
    assert answer.number == ""
    assert not answer.HasField("number_facts")
    assert answer.message_key == "number.block"


@pytest.mark.parametrize("region", ["GBR", "44", "Ü"])
def test_a_wrong_default_region_is_named(checks, region):
    """What is no region code is INVALID_ARGUMENT, and the details name the field."""
    with pytest.raises(grpc.RpcError) as refused:
        checks.CheckNumber(request("07400 123456", region))
    assert_invalid(refused, "default_region")


def test_a_correlation_id_that_is_too_long_is_named(checks):
    """128 bytes pass; one more is refused by name."""
    longest = check_pb2.CheckContext(correlation_id="x" * 128)
    checks.CheckNumber(check_pb2.CheckNumberRequest(number="+447400123456", context=longest))
    longer = check_pb2.CheckContext(correlation_id="x" * 129)
    with pytest.raises(grpc.RpcError) as refused:
        checks.CheckNumber(check_pb2.CheckNumberRequest(number="+447400123456", context=longer))
    assert_invalid(refused, "context.correlation_id")


def test_a_batch_keeps_the_order(checks, starter):
    """Each request has its answer at its place; a bad number does not fail the others."""
    listed = starter[60_000][0]
    texts = ["+447400123456", "hello", listed, "", "+12025550123"]
    answers = checks.BatchCheckNumbers(batch([request(text) for text in texts])).responses
    numbers = ["+447400123456", "", listed, "", "+12025550123"]
    assert [answer.number for answer in answers] == numbers
    assert [answer.verdict for answer in answers[:4]] == [
        check_pb2.VERDICT_ALLOW,
        check_pb2.VERDICT_BLOCK,
        check_pb2.VERDICT_CHALLENGE,
        check_pb2.VERDICT_BLOCK,
    ]


def test_an_empty_batch(checks):
    """Nothing asked, nothing answered."""
    assert not checks.BatchCheckNumbers(batch([])).responses


def test_the_largest_batch_passes(checks, starter):
    """10,000 listed numbers are answered in order."""
    numbers = [number for number, _ in starter[:LARGEST_BATCH]]
    answers = checks.BatchCheckNumbers(batch([request(number) for number in numbers])).responses
    assert [answer.number for answer in answers] == numbers
    assert len({answer.check_id for answer in answers}) == LARGEST_BATCH


def test_the_largest_batch_with_long_evidence_passes(checks, admin, own_numbers):
    """10,000 answers with the longest evidence still reach a client with the usual limits."""
    decision = admin_pb2.Decision(
        action=admin_pb2.ACTION_BLOCK, reason="r" * 500, author="a" * 100
    )
    put(admin, own_numbers + "98*", decision)
    answers = checks.BatchCheckNumbers(batch([request(own_numbers + "98000")] * LARGEST_BATCH))
    assert len(answers.responses) == LARGEST_BATCH


def test_a_batch_that_is_too_large_is_refused(checks):
    """10,001 numbers are INVALID_ARGUMENT; the details name `requests`."""
    with pytest.raises(grpc.RpcError) as refused:
        checks.BatchCheckNumbers(batch([request("+447400123456")] * (LARGEST_BATCH + 1)))
    assert_invalid(refused, "requests")


def test_a_region_that_does_not_exist_concerns_its_number_only(checks):
    """UK is not GB: the national form cannot be read, the rest of the batch is not hurt."""
    numbers = [request("07400 123456", "UK"), request("+447400123456", "UK"), request("+447400123456")]
    answers = checks.BatchCheckNumbers(check_pb2.BatchCheckNumbersRequest(requests=numbers)).responses
    assert [answer.number for answer in answers] == ["", "+447400123456", "+447400123456"]
    assert "UNKNOWN_REGION" in answers[0].reasons[0].evidence


def test_a_wrong_region_in_a_batch_is_named_with_its_place(checks):
    """A wrong argument deep in a batch is named by its place."""
    requests = [request("+447400123456")] * 300 + [request("07400 123456", "GBR")]
    with pytest.raises(grpc.RpcError) as refused:
        checks.BatchCheckNumbers(batch(requests))
    assert_invalid(refused, "requests[300].default_region")


def test_a_stream_answers_each_number_as_it_comes(checks):
    """Both sides talk in turn: every answer comes before the next number is sent."""
    requests = Queue()
    answers = checks.StreamCheckNumbers(iter(requests.get, None))
    for number in ["+447400123456", "+12025550123", "+33612345678"]:
        requests.put(check_pb2.StreamCheckNumbersRequest(request=request(number)))
        assert next(answers).response.number == number
    requests.put(None)
    assert list(answers) == []


def test_a_stream_keeps_the_order(checks, starter):
    """Numbers that are sent without waiting are answered in order."""
    numbers = [number for number, _ in starter[:2_000]]
    requests = [check_pb2.StreamCheckNumbersRequest(request=request(number)) for number in numbers]
    answers = checks.StreamCheckNumbers(iter(requests))
    assert [answer.response.number for answer in answers] == numbers


def test_a_wrong_argument_ends_a_stream(checks):
    """A wrong region ends the stream after the answers before it, and is named."""
    requests = [request("+447400123456"), request("07400 123456", "GBR")]
    answers = checks.StreamCheckNumbers(
        iter([check_pb2.StreamCheckNumbersRequest(request=r) for r in requests])
    )
    assert next(answers).response.number == "+447400123456"
    with pytest.raises(grpc.RpcError) as refused:
        next(answers)
    assert_invalid(refused, "request.default_region")


def test_outcomes_are_stored(checks, admin):
    """Reported outcomes are counted in the stats."""
    before = admin.GetStats(admin_pb2.GetStatsRequest()).store.outcomes
    check_id = checks.CheckNumber(request("+447400123456")).check_id
    outcomes = [
        check_pb2.Outcome(
            number="+447400123456", kind=check_pb2.OUTCOME_KIND_VERIFIED, check_id=check_id
        ),
        check_pb2.Outcome(
            number="+12025550123",
            kind=check_pb2.OUTCOME_KIND_ABUSE_CONFIRMED,
            correlation_id="registration 7",
        ),
    ]
    answer = checks.ReportOutcomes(check_pb2.ReportOutcomesRequest(outcomes=outcomes))
    assert answer.stored == 2
    assert admin.GetStats(admin_pb2.GetStatsRequest()).store.outcomes == before + 2


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"number": "07400 123456"}, "number"),
        ({"kind": check_pb2.OUTCOME_KIND_UNSPECIFIED}, "kind"),
        ({"check_id": ""}, "check_id"),
        ({"check_id": "x" * 129}, "check_id"),
        ({"correlation_id": "x" * 129}, "correlation_id"),
        ({"occurred_at": {"seconds": -1}}, "occurred_at"),
    ],
)
def test_a_wrong_outcome_is_named_and_nothing_is_stored(checks, admin, wrong, field):
    """One wrong outcome refuses the whole report, and the details name its field."""
    before = admin.GetStats(admin_pb2.GetStatsRequest()).store.outcomes
    good = {
        "number": "+447400123456",
        "kind": check_pb2.OUTCOME_KIND_FALSE_POSITIVE,
        "check_id": "a check",
    }
    outcomes = [check_pb2.Outcome(**good), check_pb2.Outcome(**{**good, **wrong})]
    with pytest.raises(grpc.RpcError) as refused:
        checks.ReportOutcomes(check_pb2.ReportOutcomesRequest(outcomes=outcomes))
    assert_invalid(refused, f"outcomes[1].{field}")
    assert admin.GetStats(admin_pb2.GetStatsRequest()).store.outcomes == before


def in_context(number, **context):
    """A request with context."""
    return check_pb2.CheckNumberRequest(number=number, context=check_pb2.CheckContext(**context))


def codes(answer):
    """The reason codes of an answer."""
    return [reason.code for reason in answer.reasons]


def test_a_business_on_a_foreign_virtual_range(checks):
    """A wholesaler's British range: told for a business in Nigeria, not for one in Britain."""
    for region, kind, told in [
        ("NG", check_pb2.ACCOUNT_TYPE_BUSINESS, True),
        ("GB", check_pb2.ACCOUNT_TYPE_BUSINESS, False),
        ("NG", check_pb2.ACCOUNT_TYPE_CONSUMER, False),
        ("", check_pb2.ACCOUNT_TYPE_BUSINESS, False),
    ]:
        request = in_context("+447418612345", ip_region=region, account_type=kind)
        answer = checks.CheckNumber(request)
        assert ("FOREIGN_BUSINESS_RANGE" in codes(answer)) == told, answer
        assert (answer.verdict == check_pb2.VERDICT_CHALLENGE) == told


def test_a_number_that_was_verified_long_after_its_last_sighting(checks, starter):
    """The starter list's numbers are years old; one verified yesterday has a new holder."""
    number = starter[0][0]
    weights = {}
    for when in (None, Timestamp(seconds=1), Timestamp(seconds=int(time.time()) - 86_400)):
        answer = checks.CheckNumber(in_context(number, last_verified_at=when))
        seen = [r for r in answer.reasons if r.code == "PUBLIC_INBOX"]
        weights[when and when.seconds] = seen[0].weight
        assert ("verified since" in seen[0].evidence) == (when is not None and when.seconds > 1)
    never, before, since = weights.values()
    assert never == before and since == pytest.approx(never / 2, abs=1e-4)


@pytest.mark.parametrize(
    ("context", "field"),
    [
        ({"ip_region": "Peru"}, "context.ip_region"),
        ({"ip_region": "604"}, "context.ip_region"),
        ({"account_type": 9}, "context.account_type"),
        ({"last_verified_at": Timestamp(seconds=-1)}, "context.last_verified_at"),
        ({"last_verified_at": Timestamp(seconds=4_000_000_000)}, "context.last_verified_at"),
        ({"policy": "no-such"}, "context.policy"),
    ],
)
def test_a_wrong_context_is_named(checks, context, field):
    """INVALID_ARGUMENT, alone and in a batch, and the details name the field."""
    with pytest.raises(grpc.RpcError) as refused:
        checks.CheckNumber(in_context("+447400123456", **context))
    assert_invalid(refused, field)
    with pytest.raises(grpc.RpcError) as refused:
        checks.BatchCheckNumbers(batch([request("+12"), in_context("+447400123456", **context)]))
    assert_invalid(refused, f"requests[1].{field}")


def test_the_usual_policy_has_a_name(checks):
    """`default` is the policy that judges what names none."""
    answer = checks.CheckNumber(in_context("+447400123456", policy="default"))
    assert answer.policy_version == checks.CheckNumber(request("+447400123456")).policy_version
