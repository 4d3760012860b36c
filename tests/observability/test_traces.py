"""Traces: a receiver of OTLP gets a span for each call, which says nothing of whom it was about."""

import os
import subprocess
from concurrent import futures

import grpc
import pytest
from canary import DIGITS, every_call
from served import environment, field, numguard, until

TRACE = bytes.fromhex("0af7651916cd43dd8448eb211c80319c")


@pytest.fixture
def collector():
    """An OpenTelemetry collector that keeps the bytes it is sent."""
    received = []

    class Export(grpc.GenericRpcHandler):
        def service(self, details):
            assert details.method == "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
            return grpc.unary_unary_rpc_method_handler(lambda request, _: received.append(request) or b"")

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Export()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", received
    server.stop(None)


@pytest.fixture(scope="session")
def traced():
    """The binary with the feature otlp."""
    path = os.environ.get("TESTED_NUMGUARD_OTLP")
    if not path:
        pytest.skip("SKIPPED: TESTED_NUMGUARD_OTLP is not set: the binary built with --features otlp")
    return os.path.abspath(path)


def test_each_call_is_a_span_of_its_callers_trace(traced, collector, tmp_path):
    """Method, code and the caller's trace; no digit of a number."""
    endpoint, received = collector
    with numguard(traced, tmp_path, "--no-starter-data", NUMGUARD_TRACES__ENDPOINT=endpoint) as served:
        call = served.channel.unary_unary("/numguard.v1.CheckService/CheckNumber")
        parent = [("traceparent", f"00-{TRACE.hex()}-b7ad6b7169203331-01")]
        call(field(1, f"+44{DIGITS}".encode()), metadata=parent, timeout=10)
        assert served.call(f"{DIGITS}", b"") == grpc.StatusCode.UNIMPLEMENTED
        until(lambda: b"/other/other" in b"".join(received))
    sent = b"".join(received)
    assert b"/numguard.v1.CheckService/CheckNumber" in sent and TRACE in sent
    assert b"rpc.grpc.status_code" in sent and b"numguard" in sent
    assert DIGITS.encode() not in sent


def test_no_call_leaves_its_number_in_a_trace(traced, collector, tmp_path):
    """Every method, with the number in every field and in what callers may send along."""
    endpoint, received = collector
    trace = [("traceparent", f"00-{TRACE.hex()}-b7ad6b7169203331-01")]
    along = [("tracestate", f"shop={DIGITS}"), ("baggage", f"number={DIGITS}"), ("x-request-id", DIGITS)]
    with numguard(traced, tmp_path, "--no-starter-data", NUMGUARD_TRACES__ENDPOINT=endpoint) as served:
        _, methods, _ = every_call(served.channel, trace + along)
        # In whatever order they were called and are sent.
        until(lambda: all(method.encode() in b"".join(received) for method in methods))
    assert DIGITS.encode() not in b"".join(received)


def test_without_the_feature_an_endpoint_is_refused(binary, tmp_path):
    """Rather than silently sending nothing."""
    command = [binary, "serve", "--data-dir", tmp_path / "data", "--listen", "127.0.0.1:0", "--metrics-listen", ""]
    settings = environment(NUMGUARD_TRACES__ENDPOINT="http://127.0.0.1:4317")
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, env=settings)
    assert ran.returncode == 1 and "traces.endpoint" in ran.stderr and "--features otlp" in ran.stderr
