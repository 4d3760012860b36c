"""The served binary as a real Prometheus sees it, with traffic of every kind."""

import json
import math
import re
import subprocess

import grpc
import pytest
from conftest import MONITORING, PROJECT, tool
from served import (
    PATIENCE,
    definition,
    field,
    free_port,
    get,
    numguard,
    page,
    process,
    prometheus,
    redis_server,
    sites,
    until,
)

RULES = MONITORING / "rules.yaml"
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())


def queries():
    """Every query of the dashboard, by its panel."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$job", "numguard").replace("$__rate_interval", "10s")
            yield pytest.param(expression, id=f"{panel['title']}-{target['refId']}")


def traffic(served):
    """Some of everything that is counted."""
    for number in ["+447400123456", "+12025550123", "nobody", "+447400123456"]:
        assert served.check(number) == grpc.StatusCode.OK
    wrong = field(1, b"+447400123456") + field(2, b"nowhere")
    assert served.call("CheckNumber", wrong) == grpc.StatusCode.INVALID_ARGUMENT
    outcome = field(1, b"+447400123456") + field(2, 1) + field(3, b"an-id")
    assert served.call("ReportOutcomes", field(1, outcome)) == grpc.StatusCode.OK
    assert served.call("NoSuchMethod", b"") == grpc.StatusCode.UNIMPLEMENTED
    served.run("check", "+447400123456", "+12025550123")


@pytest.fixture(scope="module")
def watched(binary, tmp_path_factory):
    """A numguard on Redis with traffic, and the Prometheus that scrapes it."""
    prometheus_program, redis = tool("prometheus"), tool("redis-server")
    folder, port = tmp_path_factory.mktemp("watched"), free_port()
    (folder / "feeds").mkdir()
    for name, path in [("nobody.example", "/nothing"), ("somebody.example", "/list")]:
        (folder / f"feeds/{name}.toml").write_text(definition(name, f"http://{name}{path}"))
    settings = {
        "NUMGUARD_COLLECT__CONTACT_URL": "mailto:abuse@example.com",
        "NUMGUARD_COLLECT__FEEDS_DIR": str(folder / "feeds"),
    }
    flags = ["--no-starter-data", "--redis", f"redis://127.0.0.1:{port}"]
    with (
        sites({"/list": page(["+447400555555", "+447400555556"])}) as proxy,
        redis_server(redis, folder, port),
        numguard(binary, folder, *flags, NUMGUARD_COLLECT__PROXY=proxy, **settings) as served,
    ):
        served.run("import", "-", stdin="+447400123456\n+447400123457\n")
        served.run("listing", "put", "--block", "+447400999999", "--reason", "a test")
        served.run("feed", "run", "nobody.example")
        served.run("feed", "run", "somebody.example")
        traffic(served)
        until(lambda: served.value('numguard_feed_rows{feed="somebody.example"}') == 2)
        with prometheus(prometheus_program, folder, RULES, served.watched.removeprefix("http://")) as server:
            until(lambda: server.query("sum_over_time(up[1m])") >= [3])
            traffic(served)
            until(lambda: server.query("sum_over_time(up[1m])") >= [8])
            yield served, server


def test_every_target_is_up(watched):
    """The job is scraped."""
    targets = watched[1].get("targets")["activeTargets"]
    assert [(target["health"], target["lastError"]) for target in targets] == [("up", "")]


def test_what_is_counted(watched):
    """Counts are those of the traffic, by method and code, by verdict and by reason."""
    served, _ = watched
    calls = 'numguard_grpc_calls_total{code="%s",method="%s",service="%s"}'
    service = "numguard.v1.CheckService"
    assert served.value(calls % ("OK", "CheckNumber", service)) == 8
    assert served.value(calls % ("INVALID_ARGUMENT", "CheckNumber", service)) == 2
    assert served.value(calls % ("UNIMPLEMENTED", "other", "other")) == 2
    assert served.value('numguard_check_reasons_total{reason="INVALID_NUMBER",shadow="false"}') == 2
    assert served.value('numguard_checks_total{verdict="BLOCK"}') == 2
    assert served.value("numguard_batch_numbers_count") == 2
    assert served.value("numguard_batch_numbers_sum") == 4
    assert served.value('numguard_outcomes_total{kind="VERIFIED"}') == 2
    assert served.value('numguard_index_listings{kind="number"}') == 5
    assert served.value("numguard_index_decisions") == 1
    assert served.value("numguard_imported_rows_total") == 2
    assert served.value("numguard_redis_connections") == served.value("numguard_redis_connections_wanted") > 0
    assert served.value('numguard_feed_runs_total{feed="nobody.example",outcome="refused"}') == 1
    assert served.value('numguard_feed_runs_total{feed="somebody.example",outcome="stored"}') == 1
    assert served.value('numguard_feed_runs_total{feed="somebody.example",outcome="layout_changed"}') == 0
    failing = 'numguard_feed_failing_since_timestamp_seconds{feed="%s"}'
    assert served.value(failing % "nobody.example") == served.value(
        'numguard_feed_last_run_timestamp_seconds{feed="nobody.example"}'
    )
    assert served.value(failing % "somebody.example") == served.value(failing % "castle") == 0
    assert served.value('numguard_client_limited_total{client="anonymous"}') == 0
    assert served.value("process_resident_memory_bytes") > 1e6


def test_the_form(watched, promtool):
    """Prometheus's own linter finds nothing, and histograms are histograms."""
    text = watched[0].metrics()
    ran = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout + ran.stderr) == (0, "")
    assert "# TYPE numguard_grpc_call_duration_seconds histogram" in text
    assert not re.search(r"^# TYPE \S+ summary", text, re.M)


@pytest.mark.parametrize("expression", list(queries()))
def test_a_query_of_the_dashboard_has_an_answer(watched, expression):
    """Each returns series, and not only of nothing."""
    values = watched[1].query(expression)
    assert values and not all(math.isnan(value) for value in values), expression


def test_the_dashboard_is_laid_out():
    """Panels have places, names, units and the Prometheus that is chosen; none lies on another."""
    panels, taken = DASHBOARD["panels"], set()
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        place = panel["gridPos"]
        across, down = range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        cells = {(x, y) for x in across for y in down}
        assert place["x"] + place["w"] <= 24 and not cells & taken, panel["title"]
        taken |= cells
        if panel["type"] != "row":
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
            assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]


def test_every_rule_is_evaluated_and_none_fires(watched):
    """The rules fit the metrics that there are."""
    groups = watched[1].get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 20
    assert {(rule["name"], rule.get("lastError", "")) for rule in rules if rule["health"] != "ok"} == set()
    assert [rule["name"] for rule in rules if rule["state"] == "firing"] == []


def test_rules_and_dashboard_ask_for_metrics_that_exist(watched):
    """A metric that is renamed would leave an alert quiet for ever."""
    there = set(re.findall(r"^# TYPE (\S+) ", watched[0].metrics(), re.M))
    for file in [RULES, MONITORING / "dashboard.json"]:
        asked = set(re.findall(r"\b((?:numguard|process)_[a-z_]+)\b", file.read_text()))
        asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
        # promtool's names of groups have dots, and so do not come here.
        assert asked - there == set(), file.name


def test_the_table_of_the_readme_is_what_is_told(watched):
    """Every metric stands in the README, with its kind, and no other."""
    told = dict(re.findall(r"^# TYPE (numguard_\S+) (\S+)$", watched[0].metrics(), re.M))
    table = dict(re.findall(r"^\| `(numguard_\w+)(?:\{[^}]*\})?` \| (\w+) \|", (PROJECT / "README.md").read_text(), re.M))
    assert table == told


def test_calls_without_room_are_counted(binary, tmp_path):
    """Ten probes of a connection watch at a time; those beyond are refused, and take nothing from checks."""
    shed = 'numguard_calls_shed_total{client="anonymous",weight="%s"}'
    weights = ("light", "arriving", "heavy", "stream", "probe")
    with numguard(binary, tmp_path, "--no-starter-data") as served:
        assert [served.value(shed % weight) for weight in weights] == [0] * len(weights)
        with grpc.insecure_channel(served.url.removeprefix("http://")) as channel:
            watch = channel.unary_stream("/grpc.health.v1.Health/Watch")
            streams = [watch(b"", timeout=PATIENCE) for _ in range(30)]
            until(lambda: served.value(shed % "probe") == 20)
            assert served.check("+447400123456") == grpc.StatusCode.OK
            assert served.value(shed % "light") == 0
            assert len(streams) == 30


def test_redis_down_fails_no_probe(binary, tmp_path):
    """Readiness stands once there is an index: else all replicas would leave at once with their Redis."""
    redis, port = tool("redis-server"), free_port()
    flags = ["--no-starter-data", "--redis", f"redis://127.0.0.1:{port}"]
    with redis_server(redis, tmp_path, port) as store, numguard(binary, tmp_path, *flags) as served:
        until(lambda: get(f"{served.watched}/readyz")[0] == 200)
        store.kill()
        until(lambda: served.value("numguard_index_degraded") == 1)
        until(lambda: served.value("numguard_redis_connections") == 0)
        assert get(f"{served.watched}/readyz")[0] == 200
        assert get(f"{served.watched}/livez")[0] == 200
        assert served.check("+447400123456") == grpc.StatusCode.OK
        until(lambda: served.value('numguard_redis_errors_total{kind="unreachable"}') > 0)


def test_without_an_index_it_lives_and_is_not_ready(binary, tmp_path):
    """No saved index, and a store that does not answer."""
    flags = ["--no-starter-data", "--redis", f"redis://127.0.0.1:{free_port()}"]
    with numguard(binary, tmp_path, *flags) as served:
        assert get(f"{served.watched}/readyz")[0] == 503
        assert get(f"{served.watched}/livez")[0] == 200
        assert served.value("numguard_index_loaded") == 0
        assert served.check("+447400123456") == grpc.StatusCode.UNAVAILABLE
        assert get(f"{served.watched}/other")[0] == 404


def test_a_port_that_is_taken_is_named(binary, tmp_path):
    """And the flag that helps."""
    with numguard(binary, tmp_path) as served:
        taken = served.watched.removeprefix("http://")
        command = [binary, "serve", "--listen", "127.0.0.1:0", "--data-dir", tmp_path / "other"]
        with process([*command, "--metrics-listen", taken], stderr=subprocess.PIPE, text=True) as second:
            assert f"cannot listen on {taken} for metrics" in second.communicate(timeout=30)[1]
            assert second.returncode == 1
