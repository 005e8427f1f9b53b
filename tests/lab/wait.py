"""Waiting for a condition with a deadline, instead of sleeping for a guessed time."""

import time


class Expired(AssertionError):
    """The condition did not hold in time; the text says what was waited for and what was seen last."""


def until(condition, what, seconds=30.0, every=0.02, alive=None):
    """Polls until condition() is true and returns its value.

    condition  may return False/None (go on) or anything true (done)
    what       words for the error, or a function that makes them when the time is up
    alive      called at each round; raises when waiting has become pointless (a program that died)
    """
    deadline = time.monotonic() + seconds
    pause = every
    while True:
        value = condition()
        if value:
            return value
        if alive is not None:
            alive()
        if time.monotonic() >= deadline:
            raise Expired(f"not within {seconds:g} s: {what() if callable(what) else what}")
        time.sleep(pause)
        pause = min(pause * 1.5, max(every, 0.25))


def stable(probe, what, quiet=1.0, seconds=60.0, every=0.05, alive=None):
    """Polls until probe() has returned one and the same value for `quiet` seconds; returns it."""
    deadline = time.monotonic() + seconds
    last, since = probe(), time.monotonic()
    while time.monotonic() - since < quiet:
        if time.monotonic() >= deadline:
            raise Expired(f"still changing after {seconds:g} s: {what}, last {last!r}")
        if alive is not None:
            alive()
        time.sleep(every)
        value = probe()
        if value != last:
            last, since = value, time.monotonic()
    return last
