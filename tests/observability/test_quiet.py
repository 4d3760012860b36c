"""What is no trouble wakes nobody: a first start, a rolling restart, and a Redis that fails over.

The series are what the binary told just after its start and a little later, laid along a time of which
`promtool test rules` asks every minute whether any alert fires.
"""

import re
import subprocess

import pytest
import yaml
from conftest import MONITORING, tool
from served import free_port, numguard, redis_server, until

RULES = MONITORING / "rules.yaml"
REPLICAS = {"a": 60, "b": 62, "c": 64}
END = 150
# Minutes from a start to the first time that the index is saved (sync.save_seconds is 300).
SAVED_AFTER = 6


def told(text):
    """Values by series, of the metrics that rules ask for."""
    asked = set(re.findall(r"\b(?:numguard|process)_[a-z_]+\b", RULES.read_text()))
    lines = re.findall(r"^(\w+)(?:\{(.*)\})? (\S+)$", text, re.M)
    return {(name, labels): float(value) for name, labels, value in lines if name in asked}


@pytest.fixture(scope="module")
def seen(binary, tmp_path_factory):
    """What a numguard tells after its start, and when some checks have been answered."""
    redis = tool("redis-server")
    folder, port = tmp_path_factory.mktemp("quiet"), free_port()
    flags = ["--no-starter-data", "--redis", f"redis://127.0.0.1:{port}"]
    with redis_server(redis, folder, port), numguard(binary, folder, *flags) as served:
        start = told(served.metrics())
        until(lambda: served.value("numguard_index_loaded") == 1)
        for number in ["+447400123456", "nobody", "+12025550123"] * 5:
            served.check(number)
        served.run("import", "-", stdin="+447400123456\n+447400123457\n")
        served.run("listing", "put", "--block", "+447400999999", "--reason", "a test")
        yield start, told(served.metrics())


def value(series, start, steady, minute, began):
    """What a process that began at a minute tells at a later one."""
    (name, _), age = series, minute - began
    at_start, later = start.get(series, 0), steady[series]
    if name == "process_start_time_seconds":
        return 60 * began
    if name == "numguard_index_saved_timestamp_seconds":
        return 0 if age < SAVED_AFTER else 60 * minute - 60 * (age % 5)
    if "_timestamp_seconds" in name:
        return 60 * minute if later else 0
    if age == 0:
        return at_start
    # What has counted goes on counting.
    return later * age if re.search(r"_(total|bucket|count)$", name) else later


def lives(start, steady, trouble):
    """The series of all replicas: each is restarted once, and away for a minute."""
    for instance, restart in REPLICAS.items():
        yield instance, "up", "", ["0" if minute == restart else "1" for minute in range(END)]
        for series in steady:
            values = []
            for minute in range(END):
                began = 0 if minute < restart else restart + 1
                one = trouble(series, minute, value(series, start, steady, minute, began))
                values.append("_" if minute == restart else f"{one:.6f}")
            yield instance, *series, values


def firing(promtool, folder, start, steady, trouble):
    """Alerts that fire, with the minute."""
    series = []
    for instance, name, labels, values in lives(start, steady, trouble):
        labels = ",".join(filter(None, [labels, f'instance="{instance}",job="numguard"']))
        series.append({"series": f"{name}{{{labels}}}", "values": " ".join(values)})
    tests = [{"expr": 'ALERTS{alertstate="firing"}', "eval_time": f"{at}m", "exp_samples": []} for at in range(1, END)]
    content = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}],
    }
    (folder / "test.yaml").write_text(yaml.safe_dump(content))
    ran = subprocess.run([promtool, "test", "rules", folder / "test.yaml"], capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    fired = re.findall(r'time: (\w+),(?:(?!time:).)*?alertname="(\w+)"', said, re.S)
    assert ran.returncode == 0 or fired, said
    return fired


def no_trouble(_, __, told):
    """As it is."""
    return told


def failover(series, minute, told):
    """Redis is away for a minute."""
    away = minute == 100
    return {
        "numguard_redis_connections": 0 if away else told,
        "numguard_index_degraded": int(away) or told,
        "numguard_index_staleness_seconds": 60 if away else told,
        "numguard_redis_errors_total": told + (30 if minute >= 100 else 0),
    }.get(series[0], told)


def outage(series, _, told):
    """Redis is away for good."""
    return {"numguard_redis_connections": 0, "numguard_index_degraded": 1}.get(series[0], told)


@pytest.mark.parametrize("trouble", [no_trouble, failover])
def test_nobody_is_woken(promtool, seen, tmp_path, trouble):
    """By starts, restarts one after the other, or a failover."""
    assert firing(promtool, tmp_path, *seen, trouble) == []


def test_trouble_is_told(promtool, seen, tmp_path):
    """So that the silence above means something."""
    assert {name for _, name in firing(promtool, tmp_path, *seen, outage)} == {"NumguardDegraded", "NumguardRedisDown"}
