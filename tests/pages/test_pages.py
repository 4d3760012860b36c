"""README.md and OPERATING.md do what they say: their commands are run, and print what they show.

Needs bash, openssl, curl, redis-server and Prometheus, and the path of the binary in TESTED_NUMGUARD. Without
one of them a walk says SKIPPED, or fails if TESTED_PAGES_REQUIRED is set. `python3 test_pages.py PAGE` prints a
page anew, with what its commands print now.
"""

import os
import re
import shutil
import socket
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest
from console import Shell, Step, differs, steps

PROJECT = Path(__file__).resolve().parents[2]


def free_ports(count):
    """Ports that nobody has now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [str(taken.getsockname()[1]) for taken in sockets]
    for taken in sockets:
        taken.close()
    # In order, as those of the pages are: what is sorted by address stays so.
    return sorted(ports)


def needs(*programs):
    """No test without these programs."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("TESTED_PAGES_REQUIRED"):
        pytest.fail(f"{missing} are not installed, and TESTED_PAGES_REQUIRED is set")
    if missing:
        pytest.skip(f"SKIPPED: {missing} are not installed")


@contextmanager
def shell(more_names=(), **settings):
    """A reader's shell in an empty folder: numguard is on the path, its sources in ~/src."""
    with tempfile.TemporaryDirectory(prefix="numguard-page-", ignore_cleanup_errors=True) as folder:
        home, path = Path(folder, "home"), Path(folder, "path")
        (home / "src").mkdir(parents=True)
        path.mkdir()
        (home / "src/numguard").symlink_to(PROJECT)
        (path / "numguard").symlink_to(Path(os.environ["TESTED_NUMGUARD"]).resolve())
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NUMGUARD_")}
        environment |= {"HOME": str(home), "PATH": f"{path}:{environment['PATH']}", "USER": "ann"} | settings
        work = Path(folder, "work")
        work.mkdir()
        reader = Shell(work, environment, more_names)
        try:
            yield reader
        finally:
            reader.end()


def walked(reader, some):
    """What of some steps is not as shown."""
    wrong = []
    for step in some:
        told = differs(step.shown, reader.walk(step))
        if told:
            wrong.append(f"line {step.line}: $ {step.command}\n{told}\n")
    return "\n".join(wrong)


OPERATING = steps((PROJECT / "OPERATING.md").read_text())
README = steps((PROJECT / "README.md").read_text())
CERTIFICATES = [step for step in OPERATING if step.section == "2. Certificates"]


def of_readme(*sections, only=""):
    """The steps of sections of the README; of those that can be run without files of others, if `only` says which."""
    found = [step for step in README if step.section in sections and re.match(only, step.command)]
    assert {step.section for step in found} == set(sections), f"README has no longer {sections}"
    return found


def test_operating():
    """From nothing to two replicas with TLS, keys, Redis and Prometheus."""
    needs("bash", "openssl", "curl", "redis-server", "redis-cli", "prometheus", "promtool")
    of_page = ["6379", "50051", "50052", "9464", "9465", "9090"]
    ports = zip(of_page, free_ports(len(of_page)))
    names = [(sign + port, sign + free) for port, free in ports for sign in (":", "--port ", "-p ")]
    with shell([("scrape_interval: 15s", "scrape_interval: 1s"), ("sleep 20", "sleep 2"), *names]) as reader:
        assert not (told := walked(reader, OPERATING)), told


@contextmanager
def usual(**settings):
    """A shell in which numguard's usual ports are free ones."""
    needs("bash", "curl")
    grpc, metrics = free_ports(2)
    settings |= {
        "NUMGUARD_LISTEN": f"127.0.0.1:{grpc}",
        "NUMGUARD_METRICS__LISTEN": f"127.0.0.1:{metrics}",
        "NUMGUARD_SERVER": f"http://127.0.0.1:{grpc}",
    }
    with shell([(":50051", f":{grpc}"), (":9464", f":{metrics}")], **settings) as reader:
        yield reader


def test_a_newcomer():
    """The first five minutes, and what is asked of that service later."""
    with usual() as reader:
        page = of_readme("Five minutes")
        page += of_readme("How it decides", only="numguard explain")
        page += of_readme("Is it well?", "Watching it")
        assert not (told := walked(reader, page)), told


def test_feeds_and_policies_are_drafted_without_a_service():
    """What needs nothing but the binary."""
    with usual() as reader:
        page = of_readme("Feeds", only="numguard feed (list|add)|mkdir")
        page += of_readme("Policies", only="numguard (config|policy)")
        assert not (told := walked(reader, page)), told


def test_bursts():
    """Five numbers in a row."""
    with usual(NUMGUARD_BURSTS__ENABLED="true") as reader:
        reader.walk(Step("", 0, "numguard serve --no-starter-data", ["  try"]))
        assert not (told := walked(reader, of_readme("Bursts"))), told


def test_the_owner_of_a_number():
    """Why it is listed, and taking that back."""
    with usual(NUMGUARD_OWNER__ENABLED="true") as reader:
        reader.walk(Step("", 0, "numguard serve", ["  try"]))
        assert not (told := walked(reader, of_readme("When somebody says: that is my number"))), told


def test_access():
    """TLS, keys and scopes, on an address that only this machine reaches."""
    needs("bash", "openssl")
    (port,) = free_ports(1)
    page = ['"0.0.0.0:50443"', "https://0.0.0.0:50443", "localhost:50443"]
    here = [f'"127.0.0.1:{port}"', f"https://127.0.0.1:{port}", f"localhost:{port}"]
    with shell(zip(page, here), NUMGUARD_METRICS__LISTEN="") as reader:
        assert not (told := walked(reader, CERTIFICATES + of_readme("Access"))), told


def pasted(text, reader):
    """A page with what its commands print now; what it shows of with `...` is left alone."""
    lines = text.splitlines()
    printed = [(step, reader.walk(step)) for step in steps(text)]
    for step, now in reversed(printed):
        begin = step.line + step.command.count("\n")
        if not any(line.strip() == "..." for line in step.shown):
            lines[begin : begin + len(step.shown)] = "\n".join(now).rstrip("\n").splitlines()
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    with shell() as alone:
        print(pasted(Path(sys.argv[1]).read_text(), alone), end="")
