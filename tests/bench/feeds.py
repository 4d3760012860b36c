"""CPU time and memory of a collector of 40 feeds with 200,000 numbers: tests/bench/run feeds

Each feed has its own host behind one proxy on loopback, a page of 5,000 numbers, and an interval of an
hour, as most shipped ones. Time is compressed: one hour's runs are done at once and by hand, with a
twentieth of each list changed and no page answered with 304, and the CPU time that they took is spread
over the hour; what the process takes while it waits is measured apart, and added.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FEEDS, NUMBERS, HOUR = 40, 5_000, 3_600
ROUNDS, QUIET_SECONDS = 3, float(os.environ.get("TESTED_QUIET_SECONDS", "60"))
BINARY = os.environ.get("TESTED_NUMGUARD", "target/release/numguard")
shown = {"round": 0}


class Sites(BaseHTTPRequestHandler):
    def do_GET(self):
        feed = int(re.search(r"feed(\d+)\.", self.path).group(1))
        if self.path.endswith("/robots.txt"):
            body = b"User-agent: *\nAllow: /\n"
        else:
            first = 447_400_000_000 + feed * 2 * NUMBERS + shown["round"] * NUMBERS // 20
            body = json.dumps({"numbers": [{"number": str(first + at)} for at in range(NUMBERS)]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def definition(at):
    return (
        f'name = "feed{at}"\ntitle = "Feed {at}"\ngroup = "feed{at}"\nterms = "none"\n'
        f'urls = ["http://feed{at}.mirror.test/list"]\ninterval_minutes = 60\npace_seconds = 1\n'
        f"band = {{ min = 2, max = 20000 }}\n[[json]]\nrows = \"/numbers\"\nnumber = \"number\"\n"
        'digits = "international"\n'
    )


def used(pid):
    """CPU seconds so far, and MiB now and at most."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    status = Path(f"/proc/{pid}/status").read_text()
    return seconds, *(int(re.search(key + r":\s+(\d+)", status).group(1)) >> 10 for key in ("VmRSS", "VmHWM"))


def ask(server, *words):
    done = subprocess.run([BINARY, *words, "--server", server], capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{words}: {done.stdout}{done.stderr}")
    return done.stdout


def main(folder):
    (folder / "feeds").mkdir()
    for at in range(FEEDS):
        (folder / f"feeds/feed{at}.toml").write_text(definition(at))
    sites = ThreadingHTTPServer(("127.0.0.1", 0), Sites)
    threading.Thread(target=sites.serve_forever, daemon=True).start()
    config = folder / "numguard.toml"
    config.write_text(
        "starter_data = false\nwarm_up = false\n[collect]\nenabled = true\ncontact_url = \"https://contact.example/\"\n"
        f'proxy = "http://127.0.0.1:{sites.server_port}"\nfeeds_dir = "{folder}/feeds"\n'
    )
    command = [BINARY, "serve", "--config", config, "--data-dir", folder / "data", "--listen", "127.0.0.1:0"]
    # As k8s/base/collector.yaml has it: pages of 2 MB would keep what runs needed for a moment.
    sparing = {"MIMALLOC_PURGE_DELAY": "0", "MIMALLOC_ALLOW_THP": "0"}
    environment = {**sparing, **os.environ, "NUMGUARD_METRICS__LISTEN": "127.0.0.1:0"}
    served = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    try:
        server = served.stdout.readline().split()[-1]
        threading.Thread(target=served.stdout.read, daemon=True).start()
        names = [f"feed{at}" for at in range(FEEDS)]
        # Shipped feeds come to nothing here: the proxy knows none of their hosts.
        for feed in map(json.loads, ask(server, "feed", "status", "--output", "json").splitlines()):
            if feed["feed"] not in names:
                ask(server, "feed", "pause", feed["feed"])
        for name in names:
            while '"last_run":null' in next(
                line for line in ask(server, "feed", "status", "--output", "json").splitlines()
                if f'"feed":"{name}"' in line
            ):
                time.sleep(1)
        numbers = json.loads(ask(server, "stats", "--output", "json"))["store"]["numbers"]
        rounds = []
        for shown["round"] in range(1, ROUNDS + 1):
            before = used(served.pid)[0]
            for name in names:
                ask(server, "feed", "run", name)
            rounds.append(used(served.pid)[0] - before)
        before = used(served.pid)[0]
        time.sleep(QUIET_SECONDS)
        now, resident, peak = used(served.pid)
        quiet, busy = (now - before) / QUIET_SECONDS, sorted(rounds)[ROUNDS // 2]
        share = 100 * (busy / HOUR + quiet)
        print(
            f"| {FEEDS} feeds, {numbers:,} numbers: share of a core in the steady state ({busy:.1f} s for an hour's runs, "
            f"{100 * quiet:.2f} % while it waits) | {share:.2f} % | at most 5 % |\n"
            f"| its memory: at the end, and at most | {resident} and {peak} MiB | at most 150 MiB |"
        )
    finally:
        served.terminate()
        served.wait()


with tempfile.TemporaryDirectory(prefix="numguard-bench-") as made:
    main(Path(made))
