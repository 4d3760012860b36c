"""Prometheus's own tools, and a served numguard that a Prometheus scrapes.

Needs `prometheus` and `promtool` (apt-get install prometheus), and the path of the binary in
TESTED_NUMGUARD. Without them the tests say SKIPPED, or fail if TESTED_PROMETHEUS_REQUIRED is set.
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
        if os.environ.get("TESTED_PROMETHEUS_REQUIRED"):
            pytest.fail(f"{name} is not installed, and TESTED_PROMETHEUS_REQUIRED is set")
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
