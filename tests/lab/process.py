"""Child processes that never outlive us, and free ports."""

import ctypes
import errno
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile

from . import wait

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "..", ".."))
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


_reserved = []  # lock files of the ports that this process was given


def _reserve(port):
    """Other laboratories on this machine do not get the port while this process lives."""
    folder = os.path.join(tempfile.gettempdir(), "stocksync-ports")
    os.makedirs(folder, mode=0o777, exist_ok=True)
    lock = open(os.path.join(folder, str(port)), "ab")  # pylint: disable=consider-using-with
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        return False
    _reserved.append(lock)
    return True


def _is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            return False
    return True


def free_port():
    """A port of 127.0.0.1 that nobody listens on, below the range for outgoing connections."""
    for _ in range(500):
        port = random.SystemRandom().randint(20000, 31999)
        if _reserve(port) and _is_free(port):
            return port
    raise RuntimeError("no free port found")


def scratch(prefix="stocksync-"):
    """A new directory that other users may pass through (PostgreSQL does not run as root)."""
    path = tempfile.mkdtemp(prefix=prefix)
    os.chmod(path, 0o711)
    return path


def copy(source, target):
    """A whole directory with owners and times, in the place of what was there."""
    remove(target)
    subprocess.run(["cp", "-a", source, target], check=True)


def remove(path):
    shutil.rmtree(path, ignore_errors=True)


class Child:
    """One child process with its output in a file.

    It gets a session of its own, so that Ctrl-C reaches only us and we end things in order, and a
    signal from the kernel when we die without doing so. Start children from the main thread: the
    kernel watches the thread that started them.
    """

    def __init__(self, arguments, log, env=None, cwd=None, user=None, death=signal.SIGKILL,
                 stdout=None):
        self.arguments = [str(argument) for argument in arguments]
        self.log = log
        parent = os.getpid()

        def in_child():
            _libc.prctl(PR_SET_PDEATHSIG, int(death), 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

        identity = {}
        if user is not None:
            identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        with open(log, "ab") as out:
            self.popen = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=stdout or out, stderr=out,
                env=env, cwd=cwd, start_new_session=True, preexec_fn=in_child, **identity)
        self.pid = self.popen.pid

    @property
    def running(self):
        return self.popen.poll() is None

    def send(self, number):
        if self.running:
            self.popen.send_signal(number)

    def wait(self, seconds=30.0):
        """Exit code (negative: the signal that ended it)."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise wait.Expired(
                f"{os.path.basename(self.arguments[0])} (pid {self.pid}) did not end within "
                f"{seconds:g} s; log: {self.log}") from None

    def stop(self, number=signal.SIGTERM, seconds=30.0):
        """Asks it to end and waits; what does not end in time is killed and reported."""
        self.send(number)
        try:
            return self.wait(seconds)
        except wait.Expired:
            self.kill()
            raise

    def kill(self):
        self.send(signal.SIGKILL)
        return self.popen.wait()

    def tail(self, lines=60):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as log:
                return "".join(log.readlines()[-lines:])
        except FileNotFoundError:
            return ""
