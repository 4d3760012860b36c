"""Prometheus's own tools, and a served numguard that a Prometheus scrapes.

Needs `prometheus` and `promtool` (apt-get install prometheus), and the path of the binary in
TESTED_NUMGUARD; some of them `redis-server`. Without them the tests say SKIPPED, or fail if
TESTED_PROMETHEUS_REQUIRED or TESTED_REDIS_REQUIRED is set.
"""

import os
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
MONITORING = PROJECT / "k8s/components/monitoring"


def tool(name):
    """The path of a program, or no test."""
    found = shutil.which(name)
    if found is None:
        required = "TESTED_REDIS_REQUIRED" if name == "redis-server" else "TESTED_PROMETHEUS_REQUIRED"
        if os.environ.get(required):
            pytest.fail(f"{name} is not installed, and {required} is set")
        pytest.skip(f"SKIPPED: {name} is not installed: apt-get install prometheus redis-server")
    return found


@pytest.fixture(scope="session")
def promtool():
    """Prometheus's checker of rules and metrics."""
    return tool("promtool")


@pytest.fixture(scope="session")
def binary():
    """The numguard that is tested."""
    path = os.environ.get("TESTED_NUMGUARD")
    assert path, "TESTED_NUMGUARD is not set: expected the path of numguard's binary"
    return Path(path).resolve()
