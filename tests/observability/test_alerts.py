"""Every alert: what it fires on, and what is close to it and leaves it quiet.

`promtool test rules` runs the series through Prometheus's own rule engine. A series is written as
Prometheus's tests write it: `1x60` is 1 and then 60 times 1, `0+5x60` grows by 5, one value a minute.
"""

import re
import subprocess

import pytest
import yaml
from conftest import MONITORING

RULES = MONITORING / "rules.yaml"
ALERTS = {
    rule["alert"]: rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
}
DAY = 1440
CHECKS = 'numguard_grpc_calls_total{service="numguard.v1.CheckService",method="CheckNumber",code="%s"}'
FEED = 'feed="7sim.net"'


def calls(per_minute):
    """Calls of CheckNumber by code, so many a minute."""
    return {CHECKS % code: f"0+{rate}x60" for code, rate in per_minute.items()}


def seconds(fast, slow):
    """Calls a minute that took at most 10 ms, and that took 50 ms."""
    bucket = 'numguard_grpc_call_duration_seconds_bucket{service="numguard.v1.CheckService",method="CheckNumber",le="%s"}'
    counts = {"0.01": fast, "0.02": fast, "0.05": fast + slow, "+Inf": fast + slow}
    return {bucket % le: f"0+{count}x60" for le, count in counts.items()}


def verdicts(before, after, every=100):
    """Blocks among so many checks a minute: a day of `before`, then an hour of `after`."""
    return {
        'numguard_checks_total{verdict="BLOCK"}': f"0+{before}x{DAY} {before * DAY}+{after}x60",
        'numguard_checks_total{verdict="ALLOW"}': f"0+{every - before}x{DAY} {(every - before) * DAY}+{every - after}x60",
    }


def replicas(one, other):
    """Listings of two replicas."""
    return {
        'numguard_index_listings{kind="number",instance="a"}': f"{one}x60",
        'numguard_index_listings{kind="number",instance="b"}': f"{other}x60",
    }


def schedule(on=1):
    """A collector, until it dies at minute 300."""
    return {"numguard_feed_schedule_on": f"{on}x300"}


def stored(minutes_ago, interval=3600, scheduled=1, on=1):
    """A feed of one hour that was last stored so long before minute 600."""
    return {
        f"numguard_feed_last_stored_timestamp_seconds{{{FEED}}}": f"{(600 - minutes_ago) * 60}x700",
        f"numguard_feed_interval_seconds{{{FEED}}}": f"{interval}x700",
        f"numguard_feed_scheduled{{{FEED}}}": f"{scheduled}x700",
    } | schedule(on)


def failing(minutes_ago, scheduled=1, last_stored=0):
    """A feed whose runs fail since so long before minute 600."""
    since = 0 if minutes_ago is None else (600 - minutes_ago) * 60
    return {
        f"numguard_feed_failing_since_timestamp_seconds{{{FEED}}}": f"{since}x700",
        f"numguard_feed_last_stored_timestamp_seconds{{{FEED}}}": f"{last_stored}x700",
        f"numguard_feed_scheduled{{{FEED}}}": f"{scheduled}x700",
    }


def ran(minutes_ago, interval=3600, scheduled=1, on=1):
    """A feed that was last run so long before minute 600, beside one of a day that is off."""
    last_run = 0 if minutes_ago is None else (600 - minutes_ago) * 60
    return {
        f"numguard_feed_last_run_timestamp_seconds{{{FEED}}}": f"{last_run}x700",
        f"numguard_feed_interval_seconds{{{FEED}}}": f"{interval}x700",
        'numguard_feed_interval_seconds{feed="off"}': "60x700",
        f"numguard_feed_scheduled{{{FEED}}}": f"{scheduled}x700",
        'numguard_feed_scheduled{feed="off"}': "0x700",
    } | schedule(on)


def layout(outcome, failing=1):
    """Runs of a feed of one day: the second and the third end like that."""
    return {
        f'numguard_feed_runs_total{{{FEED},outcome="{outcome}"}}': f"0x{DAY} 1x{DAY} 2x{DAY}",
        STATE % "failing": f"0x{DAY} {failing}x{2 * DAY}",
    }


def saved(at, started=0):
    """An index that was saved at a time, by a process that began at one."""
    return {
        'numguard_index_saved_timestamp_seconds{instance="a"}': f"{at}x200",
        'process_start_time_seconds{job="numguard",instance="a"}': f"{started}x200",
    }


def shed(a_minute):
    """Calls of which so many find no room."""
    return calls({"OK": 1000 - a_minute, "RESOURCE_EXHAUSTED": a_minute}) | {
        'numguard_calls_shed_total{client="shop",weight="light"}': f"0+{a_minute}x60"
    }


def one(series, values):
    """One series."""
    return {series: values}


UP = 'up{job="numguard"}'
STATE = f'numguard_feed_state{{{FEED},state="%s"}}'
ROWS = f"numguard_feed_rows{{{FEED}}}"
DIFFERS = 'numguard_sync_full_loads_total{reason="%s"}'
AUDIT = "numguard_audit_failures_total"
DROPPED = "numguard_decisions_dropped_total"
PANICS = "numguard_panics_total"
LIMITED = 'numguard_client_limited_total{client="shop"}'
DENIED = 'numguard_calls_denied_total{why="ended"}'
REFUSED = 'numguard_redis_errors_total{kind="refused"}'
CERTIFICATE = "numguard_tls_certificate_expires_timestamp_seconds"
RELOADS = "numguard_tls_reload_failures_total"
REFUSALS = "numguard_grpc_connections_refused_total"
STARTED = 'process_start_time_seconds{job="numguard"}'


def links(up):
    """Connections to Redis out of three."""
    return {"numguard_redis_connections": up, "numguard_redis_connections_wanted": "3x60"}


def handles(used):
    """Used file handles out of 1,000."""
    return {'process_open_fds{job="numguard"}': f"{used}x60", 'process_max_fds{job="numguard"}': "1000x60"}


# Alert: minute of the look, what fires, what does not.
CASES = {
    "NumguardDown": (10, one(UP, "0x60"), one(UP, "0x3 1x60")),
    "NumguardNotServing": (5, one("numguard_index_loaded", "0x60"), one("numguard_index_loaded", "1x60")),
    "NumguardErrors": (20, calls({"OK": 980, "INTERNAL": 20}), calls({"OK": 995, "INTERNAL": 5, "INVALID_ARGUMENT": 90})),
    "NumguardSlow": (30, seconds(980, 20), seconds(999, 1)),
    "NumguardAbsent": (10, one('up{job="other"}', "1x60"), one(UP, "1x60")),
    "NumguardSheds": (20, shed(20), shed(5)),
    "NumguardClientLimited": (30, one(LIMITED, "0+30x60"), one(LIMITED, "0+6x60")),
    "NumguardCallsDenied": (30, one(DENIED, "0+30x60"), one(DENIED, "0+6x60")),
    "NumguardBlocksJumped": (DAY + 60, verdicts(5, 40), verdicts(5, 12)),
    "NumguardDegraded": (10, one("numguard_index_degraded", "1x60"), one("numguard_index_degraded", "1x3 0x60")),
    "NumguardStale": (10, one("numguard_index_staleness_seconds", "1801x60"), one("numguard_index_staleness_seconds", "1800x60")),
    "NumguardLoadHeld": (1, one("numguard_index_load_held", "1x60"), one("numguard_index_load_held", "0x60")),
    "NumguardSnapshotOld": (100, saved(0), saved(3600)),
    "NumguardIndexShrank": (90, replicas(1, 1) | one('numguard_index_listings{kind="range"}', "100x60 80x60"),
                            one('numguard_index_listings{kind="range"}', "100x60 95x60")),
    "NumguardReplicasDiffer": (30, replicas(1000, 900), replicas(1000, 995)),
    "NumguardIndexDiffered": (30, one(DIFFERS % "differs", "0x10 1x60"), one(DIFFERS % "log_gap", "0x10 1x60")),
    "NumguardRedisDown": (10, links("2x60"), links("2x1 3x60")),
    "NumguardRedisErrors": (30, one(REFUSED, "0+30x60"), one(REFUSED, "0+6x60")),
    "NumguardAuditFails": (10, one(AUDIT, "0x5 1x60"), one(AUDIT, "1x60")),
    "NumguardCollectorStopped": (600, ran(300), ran(200)),
    "NumguardFeedStale": (600, stored(300), stored(200)),
    "NumguardFeedNeverStored": (600, failing(240), failing(170)),
    "NumguardFeedQuarantined": (20, one(STATE % "quarantined", "1x60"), one(STATE % "quarantined", "1x5 0x60")),
    "NumguardFeedFailing": (DAY + 60, one(STATE % "failing", f"1x{2 * DAY}"), one(STATE % "failing", f"1x{DAY - 60} 0x120")),
    "NumguardFeedLayoutChanged": (2 * DAY + 60, layout("layout_changed"), layout("failed")),
    "NumguardFeedDrifts": (DAY, one(ROWS, "100x1200 40x300"), one(ROWS, "100x1200 60x300")),
    "NumguardCertificateEnds": (10, one(CERTIFICATE, f"{6 * 86400}x60"), one(CERTIFICATE, f"{8 * 86400}x60")),
    "NumguardCertificateRefused": (10, one(RELOADS, "0x5 1x60"), one(RELOADS, "1x60")),
    "NumguardConnectionsRefused": (20, one(REFUSALS, "0+30x60"), one(REFUSALS, "0+6x60")),
    "NumguardDecisionsDropped": (10, one(DROPPED, "0x5 1x60"), one(DROPPED, "1x60")),
    "NumguardPanicked": (10, one(PANICS, "0x5 1x60"), one(PANICS, "1x60")),
    "NumguardFewFileHandles": (20, handles(810), handles(790)),
    "NumguardRestarts": (55, one(STARTED, "1x10 2x10 3x10 4x60"), one(STARTED, "1x10 2x10 3x80")),
}

# What must not fire though it looks alike, beyond the case above.
QUIET_TOO = {
    # Never run; only by hand; paused; of a day.
    "NumguardCollectorStopped": [(600, ran(None)), (600, ran(300, on=0)), (600, ran(300, scheduled=0)), (600, ran(300, interval=86400))],
    "NumguardFeedLayoutChanged": [(DAY + 60, layout("layout_changed")), (2 * DAY + 60, layout("layout_changed", failing=0))],
    "NumguardSheds": [(20, calls({"OK": 900, "RESOURCE_EXHAUSTED": 100}))],
    "NumguardSnapshotOld": [(100, saved(0, started=3600))],
    "NumguardStale": [(10, one("numguard_index_staleness_seconds", "7200x1 0x60"))],
    # Few checks: two blocks are no trend.
    "NumguardBlocksJumped": [(DAY + 60, verdicts(0, 2, every=6))],
    "NumguardFeedStale": [(600, stored(300, scheduled=0)), (600, stored(300, on=0)), (600, stored(600)), (600, stored(300, interval=7200))],
    # Fine, or new and not due yet; paused or off; has stored before; the first minutes of a first start.
    "NumguardFeedNeverStored": [
        (600, failing(None)),
        (600, failing(300, scheduled=0)),
        (600, failing(300, last_stored=60)),
        (15, failing(590)),
    ],
    "NumguardSlow": [(30, seconds(0, 0))],
    "NumguardCertificateEnds": [(10, one(CERTIFICATE, "0x60"))],
    "NumguardErrors": [(20, calls({"OK": 0, "INTERNAL": 0}))],
}


def fires(promtool, folder, alert, at, series):
    """Whether the alert is firing at the minute `at`."""
    rules, test = folder / "rules.yaml", folder / "test.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "one", "rules": [ALERTS[alert]]}]}))
    firing = f'count(ALERTS{{alertname="{alert}",alertstate="firing"}}) > bool 0'
    expected = {"expr": firing, "eval_time": f"{at}m", "exp_samples": [{"labels": "{}", "value": 1}]}
    labelled = [{"series": name, "values": values} for name, values in series.items()]
    content = {
        "rule_files": [str(rules)],
        "evaluation_interval": "1m",
        "tests": [{"interval": "1m", "input_series": labelled, "promql_expr_test": [expected]}],
    }
    test.write_text(yaml.safe_dump(content))
    ran = subprocess.run([promtool, "test", "rules", test], capture_output=True, text=True)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0 or "got: nil" in said, said
    return ran.returncode == 0


def test_every_alert_has_a_case():
    """An alert that is added needs its case here."""
    assert set(CASES) == set(ALERTS)


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_on_its_case_and_on_nothing_that_is_close(promtool, tmp_path, alert):
    """Each alert, once firing and once or more quiet."""
    at, bad, good = CASES[alert]
    assert fires(promtool, tmp_path, alert, at, bad), f"{alert} is quiet about {bad}"
    for at, series in [(at, good), *QUIET_TOO.get(alert, [])]:
        assert not fires(promtool, tmp_path, alert, at, series), f"{alert} fires on {series}"


def test_the_rules_are_well_formed(promtool):
    """As Prometheus reads them; each says how bad it is and what to do."""
    ran = subprocess.run([promtool, "check", "rules", RULES], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    for name, rule in ALERTS.items():
        assert name.startswith("Numguard")
        assert rule["labels"]["severity"] in ("critical", "warning"), name
        assert set(rule["annotations"]) == {"summary", "action"}, name


def test_what_the_alerts_tell_to_do_exists(binary):
    """Commands that are named in an alert are commands of the binary."""
    text = RULES.read_text()
    commands = set(re.findall(r"`numguard ([a-z -]+?)(?: [A-Z{].*?)?(?: --.*?)?`", text))
    assert len(commands) > 5
    for command in sorted(commands):
        ran = subprocess.run([binary, *command.split(), "--help"], capture_output=True, text=True)
        assert ran.returncode == 0, f"`numguard {command}` is no command: {ran.stderr}"
