"""A numguard on a Redis of its own, and the Prometheus that scrapes it."""

import http.server
import json
import os
import re
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from contextlib import contextmanager

import grpc

PATIENCE = 60


def until(what, *, seconds=PATIENCE):
    """The first answer of `what` that is true."""
    end = time.monotonic() + seconds
    while True:
        answer = what()
        if answer:
            return answer
        assert time.monotonic() < end, f"still {answer!r} after {seconds} s"
        time.sleep(0.1)


def get(url):
    """Status and text of a page; nothing if nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


@contextmanager
def process(command, **options):
    """A process that ends with the block."""
    started = subprocess.Popen(command, **options)
    try:
        yield started
    finally:
        started.kill()
        started.wait()


def free_port():
    """A port that nobody has now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@contextmanager
def redis_server(program, folder, port, *settings):
    """A Redis in memory."""
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *settings]
    with process(command, stdout=subprocess.DEVNULL) as server:
        until(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
        yield server


def definition(name, url, most=10):
    """A feed of one list of numbers, as TOML."""
    return f"""
name = "{name}"
title = "A feed of the tests"
group = "{name}"
terms = "Ours."
urls = ["{url}"]
interval_minutes = 60
pace_seconds = 1
band = {{ min = 1, max = {most} }}

[[html]]
rows = "li"
number = {{}}
"""


def page(texts):
    """The page of such a feed."""
    return "<ul>" + "".join(f"<li>{text}</li>" for text in texts) + "</ul>"


@contextmanager
def sites(pages):
    """An HTTP proxy that answers for all sites, with a page for each path; its address."""

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            path = urllib.parse.urlsplit(self.path).path
            body = "User-agent: *\nAllow: /\n" if path == "/robots.txt" else pages.get(path)
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/plain" if path == "/robots.txt" else "text/html")
            self.end_headers()
            self.wfile.write((body or "").encode())

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Numguard:
    """A served binary: its addresses, its command line, and calls of CheckService."""

    def __init__(self, binary, banner):
        self.binary = binary
        self.url = re.search(r"listening on (http://\S+)", banner)[1]
        self.watched = re.search(r"metrics +(http://[^/]+)/metrics", banner)[1]
        self.channel = grpc.insecure_channel(self.url.removeprefix("http://"))

    def run(self, *arguments, stdin=None):
        """What a verb prints."""
        command = [self.binary, *arguments, "--server", self.url]
        ran = subprocess.run(command, input=stdin, capture_output=True, text=True, env=environment())
        return ran.stdout + ran.stderr

    def call(self, method, message):
        """The status code of a call with a message that is encoded already."""
        call = self.channel.unary_unary(f"/numguard.v1.CheckService/{method}")
        try:
            call(message, timeout=10)
            return grpc.StatusCode.OK
        except grpc.RpcError as error:
            return error.code()

    def check(self, number):
        """CheckNumber."""
        return self.call("CheckNumber", field(1, number.encode()))

    def metrics(self):
        """The text of /metrics."""
        status, text = get(f"{self.watched}/metrics")
        assert status == 200, text
        return text

    def value(self, series):
        """The value of one series."""
        found = re.search(rf"^{re.escape(series)} (\S+)$", self.metrics(), re.M)
        assert found, f"no {series}"
        return float(found[1])


def field(number, value):
    """A field of a protobuf message: bytes, or a small whole number."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value)]) + value


def environment(**settings):
    """This process's environment without settings of the server, and with these."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("NUMGUARD_")}
    return kept | {"NUMGUARD_WARM_UP": "false"} | settings


@contextmanager
def numguard(binary, folder, *flags, **settings):
    """Serves until the block ends."""
    command = [binary, "serve", "--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0"]
    command += ["--data-dir", str(folder / "data"), *flags]
    with (folder / "stderr").open("w") as stderr:
        options = {"stdout": subprocess.PIPE, "stderr": stderr, "text": True, "env": environment(**settings)}
        with process(command, **options) as server:
            guard = threading.Timer(PATIENCE, server.kill)
            guard.start()
            banner = ""
            while "  try " not in banner:
                line = server.stdout.readline()
                assert line, f"serve ended early: {(folder / 'stderr').read_text()}"
                banner += line
            guard.cancel()
            yield Numguard(binary, banner)
            server.stdout.close()


class Prometheus:
    """A Prometheus that can be asked."""

    def __init__(self, url):
        self.url = url

    def get(self, path, **query):
        """An answer of its API."""
        status, text = get(f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(query)}")
        return json.loads(text)["data"] if status == 200 else None

    def query(self, expression):
        """The values that an expression has now; refused expressions fail."""
        answer = self.get("query", query=expression)
        assert answer is not None, f"Prometheus refuses {expression}"
        return [float(series["value"][1]) for series in answer["result"]]


@contextmanager
def prometheus(program, folder, rules, target):
    """Scrapes the target as the job numguard, every second, and evaluates the rules."""
    config, port = folder / "prometheus.yml", free_port()
    config.write_text(
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
        f"rule_files: [{rules}]\n"
        f"scrape_configs: [{{job_name: numguard, static_configs: [{{targets: ['{target}']}}]}}]\n"
    )
    command = [program, f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with process(command):
        server = Prometheus(f"http://127.0.0.1:{port}")
        until(lambda: get(f"{server.url}/-/ready")[0] == 200)
        yield server
