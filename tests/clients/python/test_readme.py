"""The example of the README does what it says: verdicts, and a registration that passes if there is none."""

import re
import socket

import pytest
from conftest import PROJECT
from numguard.v1 import check_pb2

SERVER = "dns:///numguard.example.com:50051"

# A debug binary on a busy machine misses 20 ms now and then; the example is asked again, as ever new
# registrations would.
TRIES = 500


def example(address, authority):
    """The README's Python, for a server of ours; the names that it defines."""
    integrate = (PROJECT / "README.md").read_text().split("\n## Integrate\n")[1].split("\n## ")[0]
    (code,) = re.findall(r"```python\n(.*?)```", integrate, re.S)
    assert SERVER in code and '"ca.pem"' in code
    names = {}
    exec(code.replace(SERVER, address).replace('"ca.pem"', repr(str(authority))), names)
    return names


@pytest.fixture
def keyed(secured, monkeypatch):
    """Where the server with TLS and keys is, and the key in the environment."""
    monkeypatch.setenv("NUMGUARD_API_KEY", secured.key)
    return secured


def test_it_tells_the_verdict(keyed, starter):
    """A listed number is challenged."""
    verdict = example(keyed.address, keyed.authority)["verdict"]
    told = (verdict(starter[60_000][0], "GB") for _ in range(TRIES))
    assert check_pb2.VERDICT_CHALLENGE in told


def test_a_registration_passes_if_nobody_answers(keyed):
    """Nobody listens; or somebody does and never says a word, which only the deadline ends."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert example(f"localhost:{port}", keyed.authority)["verdict"]("hello", "GB") == check_pb2.VERDICT_ALLOW
    assert example(f"localhost:{port}", keyed.authority)["verdict"]("hello", "GB") == check_pb2.VERDICT_ALLOW


def test_a_registration_passes_if_the_key_is_refused(keyed, monkeypatch):
    """A wrong key is an error, and an error is never a verdict."""
    monkeypatch.setenv("NUMGUARD_API_KEY", "ng_wrong")
    verdict = example(keyed.address, keyed.authority)["verdict"]
    assert {verdict("hello", "GB") for _ in range(20)} == {check_pb2.VERDICT_ALLOW}
