"""A pod's container, run here as the manifests have it, answers its probes and comes back without Redis."""

import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager

import pytest
from conftest import Pod, authority, binary, certificate

# Seconds for what takes a debug binary on a busy machine the longest.
PATIENCE = 60


@pytest.fixture
def checks(overlay, tmp_path):
    """A pod that answers checks."""
    return Pod(overlay, "check", tmp_path / "pod")


@contextmanager
def redis(port, folder):
    """An empty Redis with the stand-in's password."""
    settings = ["--port", str(port), "--requirepass", "stand-in", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen([os.environ["TESTED_REDIS7"], *settings], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        server.kill()
        server.wait()


@contextmanager
def container(pod, redis_port):
    """Runs the pod's container; the addresses of its metrics port and of its service. It must end well."""
    ours = {
        "NUMGUARD_LISTEN": "127.0.0.1:0",
        "NUMGUARD_METRICS__LISTEN": "127.0.0.1:0",
        "NUMGUARD_REDIS__URL": f"redis://127.0.0.1:{redis_port}",
        "NUMGUARD_REDIS__USERNAME": "",
    }
    server = subprocess.Popen(
        [binary(), *pod.arguments()], env=pod.environment() | ours, stdout=subprocess.PIPE, text=True
    )
    guard = threading.Timer(PATIENCE, server.kill)
    guard.start()
    try:
        banner = ""
        while "  try " not in banner:
            line = server.stdout.readline()
            assert line, "the container has ended early; its log says why"
            banner += line
        yield re.search(r"metrics +(http\S+)/metrics", banner)[1], re.search(r"listening on (\S+)", banner)[1]
        server.send_signal(signal.SIGTERM)
        assert server.wait(pod.spec["terminationGracePeriodSeconds"]) == 0
    finally:
        guard.cancel()
        server.kill()
        server.wait()
        server.stdout.close()


def asked(pod, probe, address):
    """The status with which a probe of the manifest is answered."""
    get = pod.container[probe]["httpGet"]
    assert get["port"] == "metrics"
    try:
        return urllib.request.urlopen(address + get["path"], timeout=PATIENCE).status
    except urllib.error.HTTPError as refused:
        return refused.code


def until(status, pod, probe, address):
    """Waits for a status."""
    end = time.monotonic() + PATIENCE
    while (got := asked(pod, probe, address)) != status:
        assert time.monotonic() < end, f"{probe} is answered with {got}"
        time.sleep(0.05)


def test_a_pod_is_ready_with_an_index_and_comes_back_without_redis(checks, tmp_path):
    """Alive but not ready before Redis has ever answered; ready then; ready again while Redis is away."""
    if not os.environ.get("TESTED_REDIS7"):
        pytest.skip("SKIPPED: TESTED_REDIS7 is not set")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with container(checks, port) as (address, _):
        assert asked(checks, "livenessProbe", address) == 200
        assert asked(checks, "readinessProbe", address) == 503
        with redis(port, tmp_path):
            until(200, checks, "readinessProbe", address)
            assert asked(checks, "startupProbe", address) == 200
        assert asked(checks, "readinessProbe", address) == 200
    with container(checks, port) as (address, _):
        until(200, checks, "readinessProbe", address)


def test_clients_are_asked_for_what_the_overlay_says(checks, tmp_path):
    """With mTLS a client needs a certificate of the authority, with TLS to trust ours, else neither."""
    if not os.environ.get("TESTED_REDIS7"):
        pytest.skip("SKIPPED: TESTED_REDIS7 is not set")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    files = dict(zip(["cert", "key"], certificate())) | {"ca": authority().cert_pem.bytes().decode()}
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with redis(port, tmp_path), container(checks, port) as (address, url):
        until(200, checks, "readinessProbe", address)
        asked_for = {
            "nothing": [],
            "trust": ["--ca", tmp_path / "ca"],
            "both": ["--ca", tmp_path / "ca", "--cert", tmp_path / "cert", "--cert-key", tmp_path / "key"],
        }
        server = url.replace("127.0.0.1", "localhost")
        told = {
            name: subprocess.run([binary(), "health", "--server", server, *flags], env={}, capture_output=True).returncode
            for name, flags in asked_for.items()
        }
    if checks.overlay.name == "dev":
        assert server.startswith("http://") and told["nothing"] == 0
    else:
        assert server.startswith("https://") and told["both"] == 0 and 0 not in (told["nothing"], told["trust"])
