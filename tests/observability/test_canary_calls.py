"""The canary, through every call: what errors, logs, metrics and traces tell of a number that is in every field."""

import subprocess

import pytest
from canary import DIGITS, NUMBER, error, every_call, found
from conftest import tool
from served import definition, environment, free_port, numguard, page, redis_server, sites

SETTINGS = {
    "NUMGUARD_LOG__LEVEL": "trace",
    "NUMGUARD_LOG__FORMAT": "json",
    "NUMGUARD_OWNER__ENABLED": "true",
    "NUMGUARD_OWNER__CALLS_PER_MINUTE": "100000",
    "NUMGUARD_COLLECT__CONTACT_URL": "mailto:abuse@example.com",
}


def odd_calls(channel):
    """Calls whose path and metadata hold the number."""
    bearer = [("authorization", f"Bearer {NUMBER}")]
    others = [(name, NUMBER) for name in ("user-agent", "x-request-id", "tracestate", "baggage", "grpc-timeout")]
    others.append(("canary-bin", NUMBER.encode()))
    for path in [f"/{NUMBER}/x", f"/numguard.v1.CheckService/{NUMBER}", f"/numguard.v1.AdminService/{DIGITS}", "/numguard.v1.CheckService/CheckNumber"]:
        for metadata in [(), bearer, *[[one] for one in others]]:
            call = channel.unary_unary(path)
            yield f"{path}: ".replace(NUMBER, "").replace(DIGITS, "") + error(lambda: call(b"", timeout=20, metadata=metadata))


def test_every_field_of_every_call(binary, tmp_path):
    """Every method was called, most of them also well, and nothing tells the number."""
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds/somebody.toml").write_text(definition("somebody.example", "http://somebody.example/list"))
    settings = SETTINGS | {"NUMGUARD_COLLECT__FEEDS_DIR": str(tmp_path / "feeds")}
    pages = {"/list": page([NUMBER, "+447400111111"])}
    with sites(pages) as proxy, numguard(binary, tmp_path, "--no-starter-data", NUMGUARD_COLLECT__PROXY=proxy, **settings) as served:
        said, methods, well = every_call(served.channel)
        said += odd_calls(served.channel)
        said += served.metrics().splitlines()
    assert len(methods) > 30 and len(well) > len(methods) / 2, methods - well
    log = (tmp_path / "stderr").read_text()
    assert "TRACE" in log
    assert "\n".join(found(said + log.splitlines())) == ""


def test_callers_without_a_key(binary, tmp_path):
    """Who is not let in is told why, and the log is: without what he sent."""
    command = [binary, "key", "create", "--offline", "--data-dir", str(tmp_path / "data"), "--client", "ops", "--scopes", "admin"]
    key = subprocess.run(command, capture_output=True, text=True, env=environment(), check=True).stdout.strip()
    with numguard(binary, tmp_path, "--no-starter-data", NUMGUARD_ACCESS__KEYS="true", **SETTINGS) as served:
        said = list(odd_calls(served.channel))
        admin = [("authorization", f"Bearer {key}")]
        call = served.channel.unary_unary("/numguard.v1.CheckService/CheckNumber")
        said.append(error(lambda: call(b"\n" + bytes([len(NUMBER)]) + NUMBER.encode(), timeout=20, metadata=admin)))
        said += served.metrics().splitlines()
        assert served.value('numguard_calls_denied_total{why="unreadable"}') > 0
    log = (tmp_path / "stderr").read_text()
    assert "a call was refused" in log
    assert "\n".join(found(said + log.splitlines())) == ""
    assert key[16:] not in log + " ".join(said)


# Redis answers a command that it does not know with what came with it: writes here, and reads.
@pytest.mark.parametrize("command", ["evalsha", "hmget"])
def test_a_redis_that_repeats_what_it_was_sent(binary, tmp_path, command):
    """Its errors are told without the number."""
    redis, port = tool("redis-server"), free_port()
    flags = ["--no-starter-data", "--redis", f"redis://127.0.0.1:{port}"]
    with redis_server(redis, tmp_path, port, "--rename-command", command, ""), numguard(binary, tmp_path, *flags, **SETTINGS) as served:
        said = []
        for verb in ["listing put --block", "listing get", "listing why", "listing delete --yes", "check"]:
            said.append(served.run(*verb.split(), NUMBER).replace(NUMBER, ""))
        said.append(served.run("import", "-", stdin=f"{NUMBER}\n"))
        said += served.metrics().splitlines()
    log = (tmp_path / "stderr").read_text()
    assert f"unknown command '{command.upper()}'" in log
    assert "\n".join(found(said + log.splitlines())) == ""
