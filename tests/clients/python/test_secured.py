"""A sign-up service over TLS with an API key, against a server that asks for both."""

import json
import socket

import grpc
import pytest
from calls import assert_invalid, check
from conftest import DEADLINE
from grpc_health.v1 import health_pb2, health_pb2_grpc
from numguard.v1 import admin_pb2, admin_pb2_grpc, check_pb2, check_pb2_grpc

ORDINARY = check_pb2.CheckNumberRequest(number="+447400123456")
OPTIONS = [("grpc.service_config", json.dumps(DEADLINE))]


def connected(secured, key):
    """A channel over TLS; with a key, if there is one."""
    credentials = grpc.ssl_channel_credentials(secured.authority.read_bytes())
    if key:
        shown = grpc.access_token_call_credentials(key)
        credentials = grpc.composite_channel_credentials(credentials, shown)
    return grpc.secure_channel(secured.address, credentials, OPTIONS)


@pytest.fixture(scope="module")
def signup(secured):
    """A channel with a key for checks and reports."""
    with connected(secured, secured.key) as channel:
        yield channel


def test_checks_batches_and_streams(signup, starter):
    """One number, some, and one after the other."""
    checks = check_pb2_grpc.CheckServiceStub(signup)
    listed = starter[60_000][0]
    assert check(checks, listed).verdict == check_pb2.VERDICT_CHALLENGE
    requests = [ORDINARY, check_pb2.CheckNumberRequest(number=listed)]
    batch = checks.BatchCheckNumbers(check_pb2.BatchCheckNumbersRequest(requests=requests))
    parts = (check_pb2.StreamCheckNumbersRequest(request=each) for each in requests)
    streamed = [part.response for part in checks.StreamCheckNumbers(parts)]
    for answers in (batch.responses, streamed):
        assert [each.number for each in answers] == [ORDINARY.number, listed]


def test_errors_come_with_details(signup):
    """The details name the field, over TLS as without."""
    checks = check_pb2_grpc.CheckServiceStub(signup)
    with pytest.raises(grpc.RpcError) as refused:
        checks.CheckNumber(check_pb2.CheckNumberRequest(number="07400 123456", default_region="GBR"))
    assert_invalid(refused, "default_region")


def test_health_is_told_to_everybody_and_nothing_else(secured):
    """Probes have no key; a check without one is refused."""
    with connected(secured, None) as channel:
        health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert health.status == health_pb2.HealthCheckResponse.SERVING
        with pytest.raises(grpc.RpcError) as refused:
            check_pb2_grpc.CheckServiceStub(channel).CheckNumber(ORDINARY)
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        assert "authorization: Bearer" in refused.value.details()


@pytest.mark.parametrize(
    "spoil, told",
    [
        (lambda secured: secured.revoked, "was revoked"),
        (lambda secured: secured.key[:-1] + ("0" if secured.key[-1] != "0" else "1"), "API key"),
        (lambda secured: "no key at all", "API key"),
    ],
)
def test_a_key_that_does_not_count_is_told_why(secured, spoil, told):
    """Revoked, wrong by one digit, or none: nobody is let in, and the secret is not repeated."""
    key = spoil(secured)
    with connected(secured, key) as channel, pytest.raises(grpc.RpcError) as refused:
        check_pb2_grpc.CheckServiceStub(channel).CheckNumber(ORDINARY)
    assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert told in refused.value.details() and key not in refused.value.details()


def test_health_takes_a_key_too(signup):
    """A client has one channel for all."""
    health = health_pb2_grpc.HealthStub(signup).Check(health_pb2.HealthCheckRequest(service="numguard.v1.CheckService"))
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_a_call_that_is_late_ends_at_its_deadline(secured):
    """Somebody who says nothing is waited for no longer than the caller said."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"localhost:{silent.getsockname()[1]}"
        with connected(secured._replace(address=address), secured.key) as channel:
            with pytest.raises(grpc.RpcError) as late:
                check_pb2_grpc.CheckServiceStub(channel).CheckNumber(ORDINARY, timeout=0.02)
    assert late.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_key_for_checks_is_for_nothing_else(signup):
    """What operators see needs another scope, which the answer names."""
    with pytest.raises(grpc.RpcError) as refused:
        admin_pb2_grpc.AdminServiceStub(signup).GetStats(admin_pb2.GetStatsRequest())
    assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert "read" in refused.value.details()


def test_a_server_that_others_have_signed_is_not_spoken_to(secured):
    """No call leaves before the certificate is known to be right."""
    with grpc.secure_channel(secured.address, grpc.ssl_channel_credentials(), OPTIONS) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            check_pb2_grpc.CheckServiceStub(channel).CheckNumber(ORDINARY)
        assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
