"""Starts the served binary and connects to it, as any client outside the project would.

Run with the path of the binary in TESTED_NUMGUARD:

    pip install -r requirements.txt
    TESTED_NUMGUARD=../../../target/debug/numguard pytest
"""

import csv
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import grpc
import grpc_tools
import pytest
import trustme
from grpc_tools import protoc

PROJECT = Path(__file__).resolve().parents[3]
STARTER_LIST = PROJECT / "src/core/starter/starter.csv.gz"

# Seconds for start and stop of the server. Longer than its drain, to see a drain that hangs.
PATIENCE = 90

# Every call that names no deadline of its own gets one, so that no test can wait for ever.
DEADLINE = {"methodConfig": [{"name": [{}], "timeout": "15s"}]}


def pytest_configure(config):
    """Generates the stubs from the protos, before the tests that import them are loaded."""
    if not os.environ.get("TESTED_NUMGUARD"):
        raise pytest.UsageError("TESTED_NUMGUARD is not set: expected the path of numguard's binary")
    folder = tempfile.TemporaryDirectory(prefix="numguard-stubs-")
    config.add_cleanup(folder.cleanup)
    protos = PROJECT / "proto"
    files = [str(path) for path in sorted(protos.glob("numguard/v1/*.proto"))]
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    failed = protoc.main(
        ["protoc", f"-I{protos}", f"-I{well_known}"]
        + [f"--python_out={folder.name}", f"--grpc_python_out={folder.name}"]
        + files
    )
    if failed:
        raise pytest.UsageError(f"protoc could not generate the stubs from {protos}")
    sys.path.insert(0, folder.name)


class Secured(NamedTuple):
    """A server with TLS, and how to come in."""

    address: str
    authority: Path
    key: str
    revoked: str


@contextmanager
def serving(folder, settings):
    """A server in a folder, with settings as variables; its address. It must end well."""
    log = folder / "stderr"
    # Variables that begin so are settings of the server; the tests want the defaults.
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMGUARD_")}
    environment |= {"NUMGUARD_METRICS__LISTEN": "127.0.0.1:0"} | settings
    binary = Path(os.environ["TESTED_NUMGUARD"]).resolve()
    with log.open("w") as stderr:
        server = subprocess.Popen(
            [binary, "serve", "--data-dir", folder / "data", "--listen", "127.0.0.1:0"],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    # A server that never prints is killed, which ends the wait for its first line.
    guard = threading.Timer(PATIENCE, server.kill)
    guard.start()
    try:
        line = server.stdout.readline()
        guard.cancel()
        listening = re.fullmatch(r"numguard \S+ listening on https?://127\.0\.0\.1:(\d+)\n", line)
        assert listening, f"unexpected first line {line!r}; stderr: {log.read_text()}"
        yield f"localhost:{listening[1]}"
        assert server.poll() is None, f"the server ended early; stderr: {log.read_text()}"
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE) == 0, f"stderr: {log.read_text()}"
        assert "panicked" not in log.read_text()
    finally:
        guard.cancel()
        server.kill()
        server.wait()
        server.stdout.close()


@pytest.fixture(scope="session")
def address(tmp_path_factory):
    """The address of a server that runs for the whole session, open to all of this machine."""
    with serving(tmp_path_factory.mktemp("server"), {}) as address:
        yield address


@pytest.fixture(scope="session")
def secured(tmp_path_factory):
    """A server with TLS that asks for keys, a key for checks, and one that was revoked."""
    folder = tmp_path_factory.mktemp("secured")
    authority, certificate, private = (folder / name for name in ["ca.pem", "tls.crt", "tls.key"])
    signer = trustme.CA()
    signer.cert_pem.write_to_path(authority)
    issued = signer.issue_cert("localhost", "127.0.0.1")
    issued.private_key_pem.write_to_path(private)
    issued.cert_chain_pems[0].write_to_path(certificate)
    settings = {
        "NUMGUARD_ACCESS__TLS_CERTIFICATE": str(certificate),
        "NUMGUARD_ACCESS__TLS_KEY": str(private),
        "NUMGUARD_ACCESS__KEYS": "true",
    }
    binary = Path(os.environ["TESTED_NUMGUARD"]).resolve()

    def key(*verb):
        command = [binary, "key", *verb, "--offline", "--data-dir", folder / "data"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    live = key("create", "--client", "tests", "--scopes", "check,report")
    revoked = key("create", "--client", "left", "--scopes", "check")
    key("revoke", "--yes", "_".join(revoked.split("_")[:2]))
    with serving(folder, settings) as address:
        yield Secured(address, authority, live, revoked)


@pytest.fixture(scope="session")
def channel(address):
    """A connection with the limits that every client has by default."""
    options = [("grpc.service_config", json.dumps(DEADLINE))]
    with grpc.insecure_channel(address, options) as channel:
        grpc.channel_ready_future(channel).result(PATIENCE)
        yield channel


@pytest.fixture(scope="session")
def checks(channel):
    """A client of CheckService."""
    from numguard.v1 import check_pb2_grpc

    return check_pb2_grpc.CheckServiceStub(channel)


@pytest.fixture(scope="session")
def admin(channel):
    """A client of AdminService."""
    from numguard.v1 import admin_pb2_grpc

    return admin_pb2_grpc.AdminServiceStub(channel)


@pytest.fixture(scope="session")
def starter():
    """Rows of the shipped starter list: number and the day it was last seen."""
    with gzip.open(STARTER_LIST, "rt") as lines:
        return [(row["e164"], row["last_seen"]) for row in csv.DictReader(lines)]


@pytest.fixture(scope="session")
def own_numbers(admin):
    """Beginning of the numbers that tests may list: the server lists none of them yet.

    Each test takes a block of 10,000 of its own, so that none sees the listings of another.
    """
    from numguard.v1 import admin_pb2

    prefix = "+4474005"
    every = admin_pb2.ListListingsRequest(filter=admin_pb2.ListingFilter(prefix=prefix))
    assert not admin.ListListings(every).listings
    return prefix
