"""kill -9 at every named point of the way: what was begun is finished by the next process, once.

The points are compiled into builds with STOCKSYNC_FAULTS (debug); the environment says which one kills.
"""

import signal

import pytest

from lab import programs, wait

TAPE = 60  # transactions replayed while the program that will die is running

POINTS = [
    ("producer", "tail.after_read"),
    ("producer", "deferred.after_read"),
    ("producer", "tail.before_produce"),
    ("producer", "tail.published"),
    ("producer", "tail.before_commit"),
    ("producer", "tail.before_delete"),
    ("producer", "tail.after_delete"),
    ("consumer", "lane.before_attempt"),
    ("consumer", "lane.before_send"),
    ("consumer", "lane.sent"),
    ("consumer", "lane.answered"),
    ("consumer", "lane.before_settle"),
    ("consumer", "lane.after_settle"),
]


@pytest.fixture(scope="module", autouse=True)
def faults_are_compiled_in():
    with open(programs.binary("producer"), "rb") as file:
        if b"tail.before_delete" not in file.read():
            pytest.skip("this build has no crash points: configure with STOCKSYNC_FAULTS=ON")


@pytest.mark.parametrize("program, point", POINTS, ids=[point for _, point in POINTS])
def test_kill_at(pipeline, shop, program, point):
    pipeline.shorten_sessions()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    victim = getattr(pipeline, program)
    assert victim.stop() == 0
    victim.env = {"STOCKSYNC_FAULT": f"{point}:kill:1"}
    victim.start(ready=False)
    pipeline.replay(shop.tape[:TAPE])
    wait.until(lambda: not victim.running, lambda: f"{program} dies at {point}:\n{victim.tail()}",
               seconds=30)
    assert victim.wait() == -signal.SIGKILL
    victim.wanted = False
    victim.env = None
    victim.start(ready=False)
    pipeline.replay(shop.tape[TAPE:])
    pipeline.wait_settled()
    pipeline.check(shop.after)
