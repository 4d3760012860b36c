"""The server as a whole: health, reflection, and calls that go wrong."""

from queue import Queue

import grpc
import pytest
from calls import assert_not_listed, batch, finish, seen
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from numguard.v1 import admin_pb2, check_pb2

ORDINARY = check_pb2.CheckNumberRequest(number="+447400123456")
TOO_LARGE = "4" * (4 * 1024 * 1024 + 1)


def assert_alive(checks):
    """The server still answers."""
    assert checks.CheckNumber(ORDINARY).number == ORDINARY.number


def assert_refused_as_too_large(refused):
    """The client got a status that speaks of a limit."""
    limits = (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    assert refused.value.code() in limits, refused.value


@pytest.mark.parametrize(
    "name",
    ["", "numguard.v1.CheckService", "numguard.v1.AdminService", "numguard.v1.FeedService", "numguard.v1.OwnerService"],
)
def test_health_is_serving(channel, name):
    """The server as a whole and each of its services are SERVING."""
    health = health_pb2_grpc.HealthStub(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(service=name))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_health_of_an_unknown_service(channel):
    """Health does not know services that are not there."""
    health = health_pb2_grpc.HealthStub(channel)
    with pytest.raises(grpc.RpcError) as refused:
        health.Check(health_pb2.HealthCheckRequest(service="numguard.v1.Nothing"))
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_services(channel):
    """A client without the protos finds the services and their methods."""
    reflection = ProtoReflectionDescriptorDatabase(channel)
    services = reflection.get_services()
    assert "numguard.v1.CheckService" in services
    assert "numguard.v1.AdminService" in services
    assert "numguard.v1.FeedService" in services
    assert "numguard.v1.OwnerService" in services
    assert "numguard.v1.OutcomeService" in services
    file = reflection.FindFileContainingSymbol("numguard.v1.CheckService")
    methods = [method.name for method in file.service[0].method]
    expected = ["CheckNumber", "BatchCheckNumbers", "StreamCheckNumbers", "ExplainNumber", "ReportOutcomes"]
    assert sorted(methods) == sorted(expected)


def test_a_message_over_4_mib_is_refused(checks):
    """A message over 4 MiB gets a status, and the server lives on."""
    with pytest.raises(grpc.RpcError) as refused:
        checks.CheckNumber(check_pb2.CheckNumberRequest(number=TOO_LARGE))
    assert_refused_as_too_large(refused)
    assert_alive(checks)


def test_a_streamed_message_over_4_mib_is_refused(checks):
    """A stream is answered up to the message that is too large, which gets a status."""
    large = check_pb2.CheckNumberRequest(number=TOO_LARGE)
    requests = [check_pb2.StreamCheckNumbersRequest(request=r) for r in (ORDINARY, large)]
    answers = checks.StreamCheckNumbers(iter(requests))
    assert next(answers).response.number == ORDINARY.number
    with pytest.raises(grpc.RpcError) as refused:
        next(answers)
    assert_refused_as_too_large(refused)
    assert_alive(checks)


def test_an_import_message_over_4_mib_stores_nothing(admin, checks, own_numbers):
    """An import breaks off at a message that is too large, and nothing of it is stored."""
    number = own_numbers + "00001"
    parts = [batch([seen(number, "red")]), batch([seen(TOO_LARGE, "red")]), finish(2)]
    with pytest.raises(grpc.RpcError) as refused:
        admin.ImportListings(iter(parts))
    assert_refused_as_too_large(refused)
    assert_not_listed(admin, number)
    assert_alive(checks)


def test_the_deadline_of_a_stream(checks):
    """A stream on which nobody speaks ends at its deadline; the server lives on."""
    requests = Queue()
    answers = checks.StreamCheckNumbers(iter(requests.get, None), timeout=0.2)
    requests.put(check_pb2.StreamCheckNumbersRequest(request=ORDINARY))
    with pytest.raises(grpc.RpcError) as ended:
        list(answers)
    requests.put(None)
    assert ended.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert_alive(checks)


def test_cancel_of_a_stream(checks):
    """A client may cancel in the middle of a stream; the server lives on."""
    requests = Queue()
    answers = checks.StreamCheckNumbers(iter(requests.get, None))
    requests.put(check_pb2.StreamCheckNumbersRequest(request=ORDINARY))
    assert next(answers).response.number == ORDINARY.number
    answers.cancel()
    with pytest.raises(grpc.RpcError) as ended:
        next(answers)
    requests.put(None)
    assert ended.value.code() == grpc.StatusCode.CANCELLED
    assert_alive(checks)


def test_the_deadline_of_an_import(admin, checks, own_numbers):
    """An import that is not finished at its deadline stores nothing; the server lives on."""
    number = own_numbers + "05001"
    parts = Queue()
    parts.put(batch([seen(number, "red")]))
    with pytest.raises(grpc.RpcError) as ended:
        admin.ImportListings(iter(parts.get, None), timeout=0.2)
    parts.put(None)
    # Both sides keep the deadline; where the server is first, its status may be CANCELLED.
    expected = (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
    assert ended.value.code() in expected, ended.value
    assert_not_listed(admin, number)
    assert_alive(checks)


def test_cancel_of_an_export(admin, checks):
    """A client may leave an export after its first part; the server lives on."""
    parts = admin.ExportListings(admin_pb2.ExportListingsRequest())
    assert next(parts).listings
    parts.cancel()
    assert_alive(checks)
