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


def verdicts(before, after):
    """Blocks among 100 checks a minute: a day of `before`, then an hour of `after`."""
    return {
        'numguard_checks_total{verdict="BLOCK"}': f"0+{before}x{DAY} {before * DAY}+{after}x60",
        'numguard_checks_total{verdict="ALLOW"}': f"0+{100 - before}x{DAY} {(100 - before) * DAY}+{100 - after}x60",
    }


def replicas(one, other):
    """Listings of two replicas."""
    return {
        'numguard_index_listings{kind="number",instance="a"}': f"{one}x60",
        'numguard_index_listings{kind="number",instance="b"}': f"{other}x60",
    }


def stored(minutes_ago, interval=3600, scheduled=1):
    """A feed of one hour that was last stored so long before minute 600."""
    return {
        f"numguard_feed_last_stored_timestamp_seconds{{{FEED}}}": f"{(600 - minutes_ago) * 60}x700",
        f"numguard_feed_interval_seconds{{{FEED}}}": f"{interval}x700",
        f"numguard_feed_scheduled{{{FEED}}}": f"{scheduled}x700",
    }


def runs(growth, last_run=1):
    """A scheduled feed with so many runs a minute."""
    return {
        f'numguard_feed_runs_total{{{FEED},outcome="stored"}}': f"5+{growth}x700",
        f"numguard_feed_scheduled{{{FEED}}}": "1x700",
        f"numguard_feed_last_run_timestamp_seconds{{{FEED}}}": f"{last_run}x700",
    }


def one(series, values):
    """One series."""
    return {series: values}


UP = 'up{job="numguard"}'
STATE = f'numguard_feed_state{{{FEED},state="%s"}}'
LAYOUT = f'numguard_feed_runs_total{{{FEED},outcome="%s"}}'
ROWS = f"numguard_feed_rows{{{FEED}}}"
SAVED = "numguard_index_saved_timestamp_seconds"
DIFFERS = 'numguard_sync_full_loads_total{reason="%s"}'
AUDIT = "numguard_audit_failures_total"
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
    "NumguardSheds": (20, calls({"OK": 980, "RESOURCE_EXHAUSTED": 20}), calls({"OK": 995, "RESOURCE_EXHAUSTED": 5})),
    "NumguardBlocksJumped": (DAY + 60, verdicts(5, 40), verdicts(5, 12)),
    "NumguardDegraded": (10, one("numguard_index_degraded", "1x60"), one("numguard_index_degraded", "1x3 0x60")),
    "NumguardStale": (10, one("numguard_index_staleness_seconds", "1801x60"), one("numguard_index_staleness_seconds", "1800x60")),
    "NumguardLoadHeld": (1, one("numguard_index_load_held", "1x60"), one("numguard_index_load_held", "0x60")),
    "NumguardSnapshotOld": (100, one(SAVED, "0x200"), one(SAVED, "3600x200")),
    "NumguardIndexShrank": (90, replicas(1, 1) | one('numguard_index_listings{kind="range"}', "100x60 80x60"),
                            one('numguard_index_listings{kind="range"}', "100x60 95x60")),
    "NumguardReplicasDiffer": (30, replicas(1000, 900), replicas(1000, 995)),
    "NumguardIndexDiffered": (30, one(DIFFERS % "differs", "0x10 1x60"), one(DIFFERS % "log_gap", "0x10 1x60")),
    "NumguardRedisDown": (10, links("2x60"), links("2x1 3x60")),
    "NumguardRedisErrors": (30, one(REFUSED, "0+30x60"), one(REFUSED, "0+6x60")),
    "NumguardAuditFails": (10, one(AUDIT, "0x5 1x60"), one(AUDIT, "1x60")),
    "NumguardCollectorStopped": (600, runs(0), runs(0.1)),
    "NumguardFeedStale": (600, stored(300), stored(200)),
    "NumguardFeedQuarantined": (20, one(STATE % "quarantined", "1x60"), one(STATE % "quarantined", "1x5 0x60")),
    "NumguardFeedFailing": (DAY + 60, one(STATE % "failing", f"1x{2 * DAY}"), one(STATE % "failing", f"1x{DAY - 60} 0x120")),
    "NumguardFeedLayoutChanged": (DAY, one(LAYOUT % "layout_changed", f"0x600 1x300 2x{DAY}"),
                                  one(LAYOUT % "failed", f"0x600 1x300 2x{DAY}")),
    "NumguardFeedDrifts": (DAY, one(ROWS, "100x1200 40x300"), one(ROWS, "100x1200 60x300")),
    "NumguardCertificateEnds": (10, one(CERTIFICATE, f"{6 * 86400}x60"), one(CERTIFICATE, f"{8 * 86400}x60")),
    "NumguardCertificateRefused": (10, one(RELOADS, "0x5 1x60"), one(RELOADS, "1x60")),
    "NumguardConnectionsRefused": (20, one(REFUSALS, "0+30x60"), one(REFUSALS, "0+6x60")),
    "NumguardFewFileHandles": (20, handles(810), handles(790)),
    "NumguardRestarts": (55, one(STARTED, "1x10 2x10 3x10 4x60"), one(STARTED, "1x10 2x10 3x80")),
}

# What must not fire though it looks alike, beyond the case above.
QUIET_TOO = {
    "NumguardCollectorStopped": [(600, runs(0, last_run=0)), (600, {k: v for k, v in runs(0).items() if "scheduled" not in k})],
    "NumguardFeedStale": [(600, stored(300, scheduled=0)), (600, stored(600)), (600, stored(300, interval=7200))],
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
