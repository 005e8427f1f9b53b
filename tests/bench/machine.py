"""What processes cost: CPU seconds and peak memory from /proc, and how busy everything else was."""

import os
import platform
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
PAGE_MB = 1024.0


def _stat(pid):
    """(parent, own CPU ticks, CPU ticks of ended children); None: it is gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            words = file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(words[1]), int(words[11]) + int(words[12]), int(words[13]) + int(words[14])


def tree_seconds(pid):
    """CPU seconds of a process, its living descendants, and its ended children."""
    children, ticks = {}, {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (stat := _stat(name)) is not None:
            children.setdefault(stat[0], []).append(int(name))
            ticks[int(name)] = stat[1] + stat[2]
    total, waiting = 0, [pid]
    while waiting:
        one = waiting.pop()
        total += ticks.get(one, 0)
        waiting += children.get(one, [])
    return total / TICK


def _status_mb(pid, name):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) / PAGE_MB
    raise RuntimeError(f"no {name} for process {pid}")


def peak_mb(pid):
    """The most memory that the process ever had resident."""
    return _status_mb(pid, "VmHWM")


def memory_mb(pid):
    """What it has resident now."""
    return _status_mb(pid, "VmRSS")


def _busy_seconds():
    """CPU seconds of the whole machine: (used by processes and the kernel, stolen by its host)."""
    with open("/proc/stat", encoding="ascii") as file:
        user, nice, system, _idle, _wait, irq, softirq, stolen = map(
            int, file.readline().split()[1:9])
    return (user + nice + system + irq + softirq) / TICK, stolen / TICK


class Usage:
    """CPU seconds by name between start and stop; `others`: whoever does not belong to the benchmark.

    processes  {name: pid}; descendants count with their ancestor
    """

    def __init__(self, processes):
        self._processes = {**processes, "bench": os.getpid()}
        self._began = time.monotonic()
        self._busy = _busy_seconds()
        self._before = self._read()

    def _read(self):
        seconds = {name: tree_seconds(pid) for name, pid in self._processes.items()}
        # Everything was started by us, so it is counted in `bench` as well.
        children = sum(own for name, own in seconds.items() if name != "bench")
        seconds["bench"] -= children
        return seconds

    def stop(self):
        """{name: CPU seconds}, the key `wall` for the time that passed."""
        after, (busy, stolen) = self._read(), _busy_seconds()
        used = {name: after[name] - before for name, before in self._before.items()}
        used["others"] = max(0.0, busy - self._busy[0] - sum(used.values()))
        used["stolen"] = stolen - self._busy[1]
        used["wall"] = time.monotonic() - self._began
        return {name: round(seconds, 2) for name, seconds in used.items()}


def _first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "?"
    return (done.stdout or done.stderr).splitlines()[0] if done.stdout or done.stderr else "?"


def _memory_gb():
    with open("/proc/meminfo", encoding="ascii") as file:
        return round(int(file.readline().split()[1]) / 1024 / 1024, 1)


def _cpu_model():
    with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def conditions():
    """What belongs beside every figure."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_gb": _memory_gb(),
        "linux": platform.release(),
        "java": _first_line("java", "-version"),
        "node": _first_line("node", "--version"),
        "load_before": round(os.getloadavg()[0], 2),
    }
