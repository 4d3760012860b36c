"""The canary: a number goes through every verb, and none of its digits come out where they must not.

Every log line there is (level trace, JSON and human), /metrics, what verbs say on stderr, the decision log,
and errors of calls with their details. Answers to who asked hold it, as they should, and so does the audit
record: it is there to do an operator's changes again, is its owner's alone to read, and nothing else reads it.
"""

import os
import re
import stat
import subprocess

import grpc
import pytest
from canary import DIGITS, LISTS, NUMBER, PAGE, TYPED, found
from conftest import tool
from served import definition, environment, field, free_port, numguard, page, redis_server, sites, until

# Verbs that are given no number, or run without a service and repeat nothing.
ELSEWHERE = {"serve", "completions", "man", "config default", "config policy", "config show"}

# A page with far more rows than its feed expects.
CROWD = [NUMBER, *(f"+4474009877{n:02}" for n in range(60))]


def files(folder):
    """Files that hold the number, of every form that a verb reads."""
    made = LISTS | {
        "page.html": PAGE,
        "policy.toml": f'version = "{NUMBER}"\n[score]\nchallenge = "{NUMBER}"\n{DIGITS} = 1\n',
        "numguard.toml": f'listen = "{NUMBER}"\n',
        "S7.csv": f"Block,Status,CP Name\n{DIGITS},Allocated,{NUMBER}\n{NUMBER},Free,\n",
        "seen.csv": f"seen_on,e164\n2026-01-01,{NUMBER}\n{NUMBER},{DIGITS}\n",
        "people.csv": f"e164,line_type\n{NUMBER},MOBILE\n{NUMBER}{DIGITS},{NUMBER}\n",
        "audit.jsonl": f'{{"line":1,"subject":"{NUMBER}"}}\n{NUMBER}\n',
        "feeds/nobody.toml": definition("nobody.example", f"https://127.0.0.1/sms/44{DIGITS}/"),
        "feeds/somebody.toml": definition("somebody.example", "http://somebody.example/list"),
        "feeds/crowd.toml": definition("crowd.example", "http://crowd.example/crowd", most=3),
    }
    (folder / "feeds").mkdir()
    for name, text in made.items():
        (folder / name).write_text(text)


def verbs(folder):
    """Every verb that takes a number, with right and with wrong ones; then the others."""
    for text in [NUMBER, *TYPED]:
        for verb in ["check", "check --sightings", "explain", "listing get", "listing why", "listing why --as-owner",
                     "listing put --reason test", "listing put --allow", "allow put --reason test", "listing delete --yes",
                     "allow delete --yes", "listing undo --yes", "range put", "range delete --yes"]:
            yield [*verb.split(), text]
        yield ["check", text, "--default-region", "GB"]
        yield ["listing", "list", "--prefix", text]
    for text in [NUMBER, TYPED[0]]:
        for verb in ["review accept --yes", "review dismiss", "key rotate", "key revoke", "feed show", "policy show", "feed add"]:
            yield [*verb.split(), text]
        yield ["check", NUMBER, "--policy", text]
        yield ["stats", text]  # takes no number: a wrong call
        yield ["feed", "run", text]
        yield ["feed", "pause", text]
        yield ["key", "create", "--scopes", "check", "--client", text]
        yield ["key", "list", "--client", text]
        yield ["outcome", "list", "--client", text]
        yield ["outcome", "undo", "--yes", "--client", text]
        yield ["health", "--service", text]
    yield ["range", "put", f"{NUMBER[:-4]}*", "--reason", "test"]
    yield ["range", "put", f"{NUMBER}..{NUMBER[:-1]}1"]
    for name in LISTS:
        yield ["import", str(folder / name)]
        yield ["import", str(folder / name), "--feed", f"f{DIGITS}"]
    for feed in ["nobody.example", "somebody.example", "crowd.example"]:
        yield ["feed", "run", feed]
    for verb in ["quarantine list", "quarantine show crowd.example 1", "quarantine release crowd.example 1", "status", "list", "overlap",
                 "quarantine reject crowd.example 1 --yes", "rollback somebody.example --to 0 --yes", "pause somebody.example", "resume somebody.example"]:
        yield ["feed", *verb.split()]
    yield ["feed", "test", str(folder / "feeds/nobody.toml"), "--page", str(folder / "page.html")]
    yield from (["listing", "list"], ["range", "list"], ["allow", "list"], ["export"], ["stats"], ["top", "--once"])
    yield from (["outcome", "list"], ["review", "list"], ["policy", "list"], ["allocation", "list"], ["allocation", "delete", "ofcom-s7"])
    yield from (["allocation", "import", "ofcom-s7", str(folder / "S7.csv")], ["policy", "validate", str(folder / "policy.toml")])
    yield from (["config", "check", "--config", str(folder / "numguard.toml")], ["admin", "accept-shrink"])
    yield from (["audit", verb, str(folder / name)] for verb in ("list", "verify") for name in ("audit.jsonl", "data/audit.jsonl"))
    yield from (["admin", "replay-audit", str(folder / name), "--yes"] for name in ("audit.jsonl", "data/audit.jsonl"))
    yield ["backtest", "--sightings", f"one={folder / 'seen.csv'}", "--positives", str(folder / "seen.csv"),
           "--legitimate", str(folder / "people.csv"), "--from", "2026-01-01"]
    yield ["doctor", "--data-dir", str(folder / "data")]
    yield ["replay", str(folder / "data/decisions.jsonl"), "--policy", str(folder / "policy.toml")]


def leaves(binary, *above):
    """All verbs, as their help names them."""
    told = subprocess.run([binary, *above, "--help"], capture_output=True, text=True, check=True).stdout
    commands = re.search(r"^Commands:\n(.*?)\n\n", told, re.M | re.S)
    names = re.findall(r"^  ([a-z-]+) ", commands[1], re.M) if commands else []
    for name in names:
        if name != "help":
            yield from leaves(binary, *above, name)
    if not names:
        yield " ".join(above)


@pytest.mark.parametrize("text", [NUMBER, DIGITS, *TYPED])
def test_the_number_would_be_found(text):
    """In each form that is typed here, so that the silence below means something."""
    assert found([f'level=INFO told="{text}"']) and not found(["+44740*****54"])


def test_every_verb_is_driven(binary, tmp_path):
    """A new verb is in the list above, or said to have nothing to do with numbers."""
    driven = [" ".join(arguments) + " " for arguments in verbs(tmp_path)]
    missing = {leaf for leaf in leaves(binary) if not any(line.startswith(f"{leaf} ") for line in driven)}
    assert missing == ELSEWHERE


def calls(served, said):
    """Outcomes of every kind, and messages that do not read, on the wire."""
    for kind in (1, 2, 3):
        outcome = field(1, NUMBER.encode()) + field(2, kind) + field(3, NUMBER.encode()) + field(4, NUMBER.encode())
        assert served.call("ReportOutcomes", field(1, outcome)) == grpc.StatusCode.OK
    request = field(1, NUMBER.encode())
    wrong = [("CheckNumber", field(1, DIGITS.encode() * 12)), ("CheckNumber", request[:-3]),
             ("ReportOutcomes", field(1, field(1, DIGITS.encode()) + outcome[14:])), ("ReportOutcomes", field(1, request))]
    for method, message in wrong:
        call = served.channel.unary_unary(f"/numguard.v1.CheckService/{method}")
        try:
            call(message, timeout=10)
        except grpc.RpcError as error:
            said.append(f"{method}: {error.details()} {error.trailing_metadata()}")


@pytest.mark.parametrize("store, form, kept", [("embedded", "human", "hashed"), ("redis", "json", "masked")])
def test_no_digit_of_a_number_comes_out(binary, tmp_path, store, form, kept):
    """Not in a log, a metric, an error, a decision or a panic."""
    redis = tool("redis-server") if store == "redis" else None
    files(tmp_path)
    settings = {
        "NUMGUARD_LOG__LEVEL": "trace",
        "NUMGUARD_LOG__FORMAT": form,
        "NUMGUARD_COLLECT__CONTACT_URL": "mailto:abuse@example.com",
        "NUMGUARD_COLLECT__FEEDS_DIR": str(tmp_path / "feeds"),
        "NUMGUARD_DECISIONS__ENABLED": "true",
        "NUMGUARD_DECISIONS__NUMBERS": kept,
        "NUMGUARD_OWNER__ENABLED": "true",
        "NUMGUARD_BURSTS__ENABLED": "true",
    }
    with sites({"/list": page([NUMBER, "+447400111111"]), "/crowd": page(CROWD)}) as proxy:
        settings["NUMGUARD_COLLECT__PROXY"] = proxy
        if redis is None:
            drive(binary, tmp_path, [], settings)
        else:
            port = free_port()
            with redis_server(redis, tmp_path, port):
                drive(binary, tmp_path, ["--redis", f"redis://127.0.0.1:{port}"], settings)


def drive(binary, folder, flags, settings):
    """Sends the number through, and looks."""
    said, codes = [], {}
    with numguard(binary, folder, "--no-starter-data", *flags, **settings) as served:
        calls(served, said)
        for arguments in verbs(folder):
            asked = environment(USER="tester", NUMGUARD_SERVER=served.url)
            ran = subprocess.run([binary, *arguments], capture_output=True, text=True, env=asked, cwd=folder)
            codes.setdefault(" ".join(arguments[:2]), set()).add(ran.returncode)
            # Who typed a wrong number is told which of those that he typed.
            said += [f"{arguments[0]}: {line.replace(arguments[-1], '')}" for line in ran.stderr.splitlines()]
        said += served.metrics().splitlines()
        decided = folder / "data/decisions.jsonl"
        until(lambda: len(decided.read_text().splitlines()) > 20)
        said += decided.read_text().splitlines()
        assert served.value('numguard_feed_runs_total{feed="somebody.example",outcome="stored"}') == 1
        assert served.value('numguard_feed_runs_total{feed="crowd.example",outcome="quarantined"}') == 1
    assert {0, 1, 2, 3} <= set.union(*codes.values()), codes
    log = (folder / "stderr").read_text()
    assert len(log) > 10_000 and "TRACE" in log and "imported" in log
    said += log.splitlines()
    for name in (str(folder), f"44{DIGITS}.txt"):
        said = [line.replace(name, "") for line in said]
    assert "\n".join(found(said)) == ""
    record = folder / "data/audit.jsonl"
    assert DIGITS in record.read_text(), "the audit record is for doing changes again"
    assert stat.S_IMODE(os.stat(record).st_mode) == 0o600
