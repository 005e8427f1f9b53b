"""The two programs: their configuration, running them, asking them."""

import json
import os
import re
import signal
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass

from . import process, wait

EXIT_OK, EXIT_USAGE, EXIT_AWAY, EXIT_BUG, EXIT_CONFIG, EXIT_FENCED = 0, 64, 69, 70, 78, 80


def build_folder():
    """Where the programs are: STOCKSYNC_BUILD, else the first of the usual presets."""
    given = os.environ.get("STOCKSYNC_BUILD")
    folders = [given] if given else [os.path.join(process.ROOT, "build", preset)
                                     for preset in ("release", "debug")]
    for folder in folders:
        if os.path.exists(os.path.join(folder, "producer", "stocksync-producer")):
            return os.path.abspath(folder)
    raise RuntimeError(f"the programs are not built: looked into {', '.join(folders)}")


def binary(program):
    """program: "producer" or "consumer" """
    return os.path.join(build_folder(), program, f"stocksync-{program}")


def environment(more=None):
    """Ours without anything that would set an option."""
    clean = {name: value for name, value in os.environ.items()
             if not name.startswith(("STOCKSYNC_", "PG"))}
    return {**clean, **(more or {})}


def write_config(path, sections):
    """sections: {"odoo": {"dsn": …}, "store.outlet": {…}}; None values are left out."""
    with open(path, "w", encoding="utf-8") as file:
        for section, options in sections.items():
            file.write(f"[{section}]\n")
            for key, value in options.items():
                if value is not None:
                    file.write(f"{key} = {value}\n")
            file.write("\n")
    return path


@dataclass(frozen=True)
class Result:
    """How a command ended."""
    code: int
    out: str
    err: str

    @property
    def text(self):
        return self.out + self.err


def command(program, config, *arguments, env=None, seconds=60.0):
    """Runs a command of a program to its end."""
    line = [binary(program), "-c", config, *[str(argument) for argument in arguments]]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=seconds, env=environment(env))
    return Result(done.returncode, done.stdout.decode(errors="replace"),
                  done.stderr.decode(errors="replace"))


class Program:
    """One of the two, running; it can be ended in every way and started again."""

    def __init__(self, program, config, log, listen, arguments=("run",), env=None):
        self.program = program
        self.config = config
        self.log = log
        self.listen = listen
        self.arguments = arguments
        self.env = env
        self.child = None
        self.wanted = False     # started, and not ended by us

    def start(self, ready=True, seconds=30.0):
        assert self.child is None or not self.child.running, f"{self.program} runs already"
        self.child = process.Child([binary(self.program), "-c", self.config, *self.arguments],
                                   self.log, env=environment(self.env))
        self.wanted = True
        if ready:
            self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=30.0):
        wait.until(self.is_ready, lambda: f"{self.program} is ready; its log:\n{self.tail()}",
                   seconds=seconds, alive=self.alive)

    def alive(self):
        """Raises when it ended by itself."""
        if self.wanted and not self.running:
            raise AssertionError(f"{self.program} ended with {self.child.popen.returncode}; "
                                 f"its log:\n{self.tail()}")

    def wait_state(self, state, seconds=30.0):
        """Until the producer's /status shows the state; the whole status."""
        shown = {}

        def arrived():
            code, body = self.http("/status")
            shown.update(json.loads(body) if code == 200 else {})
            return shown.get("state") == state
        wait.until(arrived, lambda: f"{state}: {shown}", seconds=seconds, alive=self.alive)
        return shown

    @property
    def running(self):
        return self.child is not None and self.child.running

    def is_ready(self):
        return self.http("/readyz")[0] == 200

    def http(self, path):
        """(status, body); status 0: it does not answer."""
        try:
            with urllib.request.urlopen(f"http://{self.listen}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except OSError:
            return 0, ""

    def metrics(self):
        """{'name{label="value"}': number}"""
        status, body = self.http("/metrics")
        if status != 200:
            raise AssertionError(f"{self.program}: /metrics answers {status}")
        return {match[1]: float(match[2]) for match in
                re.finditer(r"^([a-z_]+(?:\{[^}]*\})?) (\S+)$", body, re.MULTILINE)}

    def metric(self, name):
        """One value, or the sum over its labels; 0 where it is not there."""
        return sum(value for key, value in self.metrics().items()
                   if key == name or key.startswith(name + "{"))

    def stop(self, seconds=30.0):
        """SIGTERM; its exit code."""
        self.wanted = False
        return self.child.stop(signal.SIGTERM, seconds)

    def kill(self):
        self.wanted = False
        return self.child.kill()

    def pause(self):
        self.child.send(signal.SIGSTOP)

    def resume(self):
        self.child.send(signal.SIGCONT)

    def wait(self, seconds=30.0):
        return self.child.wait(seconds)

    def text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return log.read()
        except FileNotFoundError:
            return ""

    def tail(self, lines=60):
        return "\n".join(self.text().splitlines()[-lines:])
