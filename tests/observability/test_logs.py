"""Logs as a pipeline reads them: each line one JSON object of few keys, and no flood when something is down."""

import json
import re

import grpc
from conftest import tool
from served import field, free_port, numguard, redis_server, until

JSON = {"NUMGUARD_LOG__FORMAT": "json"}
LINE = {"timestamp", "level", "fields", "target"}


def lines(folder):
    """The log so far, but for a line that is being written."""
    written, _, _ = (folder / "stderr").read_text().rpartition("\n")
    found = [json.loads(line) for line in written.splitlines()]
    for line in found:
        assert set(line) == LINE, line
        assert line["level"] in {"ERROR", "WARN", "INFO"} and line["target"].startswith("numguard")
        assert line["fields"]["message"] and all(re.fullmatch(r"[a-z_]+", key) for key in line["fields"])
    return found


def test_a_store_that_is_away_is_told_in_a_few_lines(binary, tmp_path):
    """However many calls fail by it; the line says how many were not told."""
    redis, port = tool("redis-server"), free_port()
    flags = ["--no-starter-data", "--redis", f"redis://127.0.0.1:{port}"]
    outcome = field(1, field(1, b"+447400123456") + field(2, 1) + field(3, b"an-id"))
    with redis_server(redis, tmp_path, port) as store, numguard(binary, tmp_path, *flags, **JSON) as served:
        until(lambda: served.value("numguard_index_loaded") == 1)
        before = len(lines(tmp_path))
        store.kill()
        store.wait()
        for _ in range(500):
            assert served.call("ReportOutcomes", outcome) == grpc.StatusCode.UNAVAILABLE
        told = lines(tmp_path)[before:]
        assert 1 <= len(told) < 20, told
        assert any(line["fields"]["message"] == "a call failed, because the store is away" for line in told)


def test_wrong_keys_are_told_once(binary, tmp_path):
    """And counted each time."""
    with numguard(binary, tmp_path, "--no-starter-data", NUMGUARD_ACCESS__KEYS="true", **JSON) as served:
        call = served.channel.unary_unary("/numguard.v1.CheckService/CheckNumber")
        for n in range(500):
            key = f"ng_{n:012x}_{'a' * 64}"
            try:
                call(b"", timeout=10, metadata=[("authorization", f"Bearer {key}")])
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNAUTHENTICATED
        assert served.value('numguard_calls_denied_total{why="unknown"}') == 500
        refused = [line for line in lines(tmp_path) if "a call was refused" in line["fields"]["message"]]
        assert len(refused) == 1, refused
