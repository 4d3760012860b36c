"""Runs the console blocks of a page in a shell, as a reader types them, and compares what they show.

Compared are shapes: times, keys, scores, durations and the widths of columns are read away, and a line `...`
stands for any lines. Ports of the page are replaced by free ones, days by as many days before today.
"""

import os
import re
import signal
import subprocess
import threading
import time
from datetime import date, timedelta
from typing import NamedTuple

# Seconds that one command may take: a debug build on a busy machine fills Redis in some ten.
PATIENCE = 120

# The day of the outputs on the pages.
WRITTEN = date(2026, 11, 22)


class Step(NamedTuple):
    """A command of a page, where it stands, and what the page shows of it."""

    section: str
    line: int
    command: str
    shown: list


def steps(page):
    """The commands of all console blocks of a text, in their order."""
    found, command, end, inside, fenced, section = [], None, None, False, False, ""
    for number, text in enumerate(page.splitlines(), start=1):
        fenced = fenced != text.startswith("```")
        if text.startswith("#") and not fenced:
            section = text.lstrip("# ")
        if text == "```console" or (inside and text == "```"):
            inside, command, end = text != "```", None, None
        elif inside and end is not None:
            command.append(text)
            end = None if text == end else end
        elif inside and text.startswith("$ "):
            command, shown = [text[2:]], []
            found.append((section, number, command, shown))
            here = re.search(r"<<(\w+)", text)
            end = here and here[1]
        elif inside and command[-1].endswith("\\"):
            command.append(text)
        elif inside:
            shown.append(text)
    return [Step(section, number, "\n".join(command), shown) for section, number, command, shown in found]


SHAPES = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
    (r"\b20\d\d-\d\d-\d\d\b", "DAY"),
    (r"\bng_[0-9a-f]{12}\b", "ng_KEY"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{8}\b", "CHECK"),
    (r"\b\d+ ms\b", "N ms"),
    (r"@\[[\d.]+\]", "@[TIME]"),
    (r"change \d+", "change N"),
    (r'(verdict="\w+"}( =>)?) \d+', r"\1 N"),
    (r"\(\d+ since its start\)|\d+ lines, the chain", "N"),
    (r"(ALLOW|CHALLENGE|BLOCK) +\d+\b", r"\1 N"),
    (r'"(risk_score|weight)":[\d.]+', r'"\1":N'),
    (r"\s+", " "),
]


def shape(line):
    """What of a line is the same in every walk."""
    for pattern, stands_for in SHAPES:
        line = re.sub(pattern, stands_for, line)
    return line.strip()


def differs(shown, printed):
    """Nothing, or what is shown and what is printed, if that is something else."""
    want = [shape(line) for line in shown if line.strip()]
    have = [shape(line) for line in printed if line.strip()]
    pattern = "".join(r"(?:.*\n)*?" if line == "..." else re.escape(line) + r"\n" for line in want)
    if re.fullmatch(pattern, "".join(line + "\n" for line in have)):
        return None
    return "\n".join(["the page shows:", *shown, "", "printed is:", *printed])


def may_be_asked_again(command):
    """Who sleeps waits for something, Prometheus scrapes when it likes, and checks hear of others' changes."""
    return command.startswith(("promtool query", "sleep", "numguard check")) and "--sign-up" not in command


def of_today(command):
    """The days of a command, as far from today as they were from the day when the page was written."""

    def shifted(day):
        return str(date.fromisoformat(day[0]) - WRITTEN + date.today())

    return re.sub(r"\b20\d\d-\d\d-\d\d\b", shifted, command)


class Shell:
    """A bash with jobs, in a folder. `names` are pairs: what the page says, and what is meant here."""

    def __init__(self, folder, environment, names=()):
        self.folder, self.names, self.groups = folder, list(names), []
        self.lines, self.arrived = [], threading.Condition()
        self.bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._listen, daemon=True).start()
        self._run("set -m", None)

    def _listen(self):
        for line in self.bash.stdout:
            with self.arrived:
                self.lines.append(line.rstrip("\n"))
                self.arrived.notify()

    def _until(self, enough):
        """The lines up to now, once `enough` says so of them."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: enough(self.lines), PATIENCE), "\n".join(self.lines)
            taken, self.lines = self.lines, []
        return taken

    def _run(self, command, last):
        mark = f"--{time.monotonic_ns()}--"
        # Whoever asks next for the exit code is told that of the command.
        self.bash.stdin.write(f"{command}\nended=$?; echo {mark} $!; (exit $ended)\n")
        self.bash.stdin.flush()
        printed = self._until(lambda lines: any(line.startswith(mark) for line in lines))
        if command.endswith("&"):
            self.groups.append(int(next(line for line in printed if line.startswith(mark)).split()[1]))
        if command.endswith("&") and last and not any(last(line) for line in printed):
            printed += self._until(lambda lines: any(last(line) for line in lines))
        talk = re.compile(rf"{mark}|\[\d+\]|bash: line \d+: +\d+ (Killed|Terminated)")
        return [line for line in printed if not talk.match(line)]

    def walk(self, step):
        """What a step prints, in the words of the page."""
        command = of_today(step.command)
        for of_page, here in self.names:
            command = command.replace(of_page, here)
        if command.startswith("numguard serve") and "error:" not in "".join(step.shown):
            # A terminal of its own, where the page has none of its log.
            command = command.removesuffix(" &") + (" &" if "2>" in command else " 2>> serve.log &")
        serves = command.startswith("numguard serve")
        printed = self._run(command, serves and (lambda line: line.startswith("  try ")))
        patience = time.monotonic() + PATIENCE / 2
        while may_be_asked_again(command) and differs(step.shown, printed):
            if time.monotonic() > patience:
                break
            time.sleep(0.5)
            printed = self._run(command, None)
        keys = [re.findall(r"\bng_[0-9a-f]{12}\b", "\n".join(lines)) for lines in (step.shown, printed)]
        self.names += [pair for pair in zip(*keys) if pair not in self.names]
        for of_page, here in self.names:
            printed = [line.replace(here, of_page) for line in printed]
        return printed

    def end(self):
        """Ends the shell and all that it left running."""
        for file in self.folder.glob("*.pid"):
            self.groups += map(int, file.read_text().split())
        for group in [*self.groups, self.bash.pid]:
            try:
                os.killpg(group, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.bash.wait()
