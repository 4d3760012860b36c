"""The canary: a number goes through everything, and none of its digits come out where they must not.

Every log line there is (level trace, JSON and human), /metrics, what verbs say on stderr, and errors of
calls with their details. Answers to who asked hold it, as they should, and so does the audit record:
it is there to do an operator's changes again, is its owner's alone to read, and nothing else reads it.
"""

import json
import os
import re
import shutil
import stat
import subprocess

import grpc
import pytest
from served import environment, field, free_port, numguard, redis_server

# Its parts are looked for too, so that a half is found as well.
DIGITS = "7400987654"
NUMBER = f"+44{DIGITS}"
TYPED = ["+44 7400 987654", "0044(7400)987-654", f"0{DIGITS}", f"tel:{NUMBER}", f"{NUMBER}x", f"{NUMBER}{DIGITS}", f"+{DIGITS}"]
HIDDEN = re.compile(r"7\D{0,2}4\D{0,2}0\D{0,2}0\D{0,2}9\D{0,2}8\D{0,2}7\D{0,2}6\D{0,2}5\D{0,2}4|987[ .()-]?654")

FEED = f"""
name = "nobody.example"
title = "Nobody"
group = "nobody"
terms = "Ours."
urls = ["https://127.0.0.1/sms/44{DIGITS}/"]
interval_minutes = 60
pace_seconds = 1
band = {{ min = 1, max = 10 }}

[[html]]
rows = "li"
number = {{}}
"""
PAGE = f"<ul><li>{NUMBER}</li><li>{NUMBER}1234567</li><li>{DIGITS}</li><li>{NUMBER}</li></ul>"
LISTS = {
    "list.csv": f"e164,last_seen\n{NUMBER},2026-01-01\n{NUMBER},never\n{NUMBER}{NUMBER},2026-01-01\n{DIGITS},\n",
    "list.json": json.dumps([{"number": NUMBER, "last_seen": NUMBER}, {"number": DIGITS}, {NUMBER: 1}]),
    "list.txt": f"{NUMBER}\n{DIGITS} {NUMBER}\n",
    "other.csv": f"{NUMBER},{NUMBER}\n",
    f"44{DIGITS}.txt": f"{NUMBER}\n",
    "listed.jsonl": json.dumps({"subject": NUMBER, "sightings": [{"feed": NUMBER}]}) + "\n",
}


def verbs(folder):
    """Every verb that takes a number, with right and with wrong ones."""
    for text in [NUMBER, *TYPED]:
        for verb in ["check", "explain", "listing get", "listing why", "listing put --reason test", "listing put --allow",
                     "allow put --reason test", "listing delete --yes", "listing undo --yes", "range put", "range delete --yes"]:
            yield [*verb.split(), text]
        yield ["check", text, "--default-region", "GB"]
        yield ["feed", "run", text]
        yield ["listing", "list", "--prefix", text]
    yield ["range", "put", f"{NUMBER[:-4]}*", "--reason", "test"]
    yield ["range", "put", f"{NUMBER}..{NUMBER[:-1]}1"]
    for name in LISTS:
        yield ["import", str(folder / name)]
        yield ["import", str(folder / name), "--feed", f"f{DIGITS}"]
    yield ["feed", "run", "nobody.example"]
    yield ["feed", "status"]
    yield ["feed", "test", str(folder / "feeds/nobody.toml"), "--page", str(folder / "page.html")]
    yield from (["listing", "list"], ["range", "list"], ["export"], ["stats"])


def calls(served, said):
    """Calls with the number in every place, whole or spoiled; keeps what errors say."""
    request = field(1, NUMBER.encode())
    outcome = field(1, NUMBER.encode()) + field(2, 1) + field(3, NUMBER.encode())
    wrong = [
        ("CheckNumber", request + field(2, DIGITS.encode())),
        ("CheckNumber", field(1, DIGITS.encode() * 12)),
        ("CheckNumber", request[:-3]),
        ("BatchCheckNumbers", field(1, request + field(2, DIGITS.encode()))),
        ("ExplainNumber", field(1, request + field(2, DIGITS.encode()))),
        ("ReportOutcomes", field(1, outcome)),
        ("ReportOutcomes", field(1, field(1, DIGITS.encode()) + outcome[14:])),
        ("ReportOutcomes", field(1, field(1, NUMBER.encode()))),
    ]
    for method, message in wrong:
        call = served.channel.unary_unary(f"/numguard.v1.CheckService/{method}")
        try:
            call(message, timeout=10)
        except grpc.RpcError as error:
            said.append(f"{method}: {error.details()} {error.trailing_metadata()}")
    stream = served.channel.stream_stream("/numguard.v1.CheckService/StreamCheckNumbers")
    try:
        list(stream(iter([field(1, request), field(1, request + field(2, DIGITS.encode()))]), timeout=10))
    except grpc.RpcError as error:
        said.append(f"stream: {error.details()} {error.trailing_metadata()}")


@pytest.mark.parametrize("store, form", [("embedded", "human"), ("redis", "json")])
def test_no_digit_of_a_number_comes_out(binary, tmp_path, store, form):
    """Not in a log, a metric, an error or a panic."""
    if store == "redis" and shutil.which("redis-server") is None:
        pytest.skip("SKIPPED: redis-server is not installed")
    (tmp_path / "feeds").mkdir()
    (tmp_path / "feeds/nobody.toml").write_text(FEED)
    (tmp_path / "page.html").write_text(PAGE)
    for name, text in LISTS.items():
        (tmp_path / name).write_text(text)
    settings = {
        "NUMGUARD_LOG__LEVEL": "trace",
        "NUMGUARD_LOG__FORMAT": form,
        "NUMGUARD_COLLECT__CONTACT_URL": "mailto:abuse@example.com",
        "NUMGUARD_COLLECT__FEEDS_DIR": str(tmp_path / "feeds"),
    }
    if store == "embedded":
        drive(binary, tmp_path, [], settings)
    else:
        port = free_port()
        with redis_server(shutil.which("redis-server"), tmp_path, port):
            drive(binary, tmp_path, ["--redis", f"redis://127.0.0.1:{port}"], settings)


def drive(binary, folder, flags, settings):
    """Sends the number through, and looks."""
    said, codes = [], []
    with numguard(binary, folder, "--no-starter-data", *flags, **settings) as served:
        for arguments in verbs(folder):
            command = [binary, *arguments]
            if arguments[:2] != ["feed", "test"]:
                command += ["--server", served.url]
            ran = subprocess.run(command, capture_output=True, text=True, env=environment(USER="tester"))
            codes.append(ran.returncode)
            # Who typed a wrong number is told which of those that he typed.
            said += [f"{arguments[:2]}: {line.replace(arguments[-1], '')}" for line in ran.stderr.splitlines()]
        calls(served, said)
        said += served.metrics().splitlines()
    assert 0 in codes and 1 in codes and 3 in codes
    log = (folder / "stderr").read_text()
    assert len(log) > 10_000 and "TRACE" in log and "imported" in log
    said += log.splitlines()
    names = (str(folder), f"44{DIGITS}.txt")
    for name in names:
        said = [line.replace(name, "") for line in said]
    wrong = [line[:500] for line in said if HIDDEN.search(line) or "panicked" in line]
    assert wrong == []
    record = folder / "data/audit.jsonl"
    assert DIGITS in record.read_text(), "the audit record is for doing changes again"
    assert stat.S_IMODE(os.stat(record).st_mode) == 0o600
