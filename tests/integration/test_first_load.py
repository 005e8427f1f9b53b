"""The first contact with a store: a person looks at its figures and approves it."""

import json

import pytest

from conftest import outlet, wholesale
from lab import checks, programs, wait


@pytest.fixture
def pipeline(make_pipeline, database, number):
    """The outlet waits for a person, wholesale does not."""
    pipeline = make_pipeline(database, outlet(number, first_load="hold"),
                             wholesale(number)).open_shops()
    pipeline.install()
    return pipeline


def status_of(consumer, store):
    found, = [one for one in json.loads(consumer.http("/status")[1])["stores"]
              if one["store"] == store.name]
    return found


def wait_held(pipeline, consumer, store):
    return wait.until(lambda: (one := status_of(consumer, store))["state"] == "held" and one["held"],
                      lambda: f"held: {status_of(consumer, store)}", seconds=60,
                      alive=pipeline.alive)


def test_nothing_is_written_before_resume(pipeline, shop):
    store, neighbour = pipeline.stores
    pipeline.start()
    pipeline.backfill()
    held = wait_held(pipeline, pipeline.consumer, store)
    assert held["reason"] == "first_load"
    expected = pipeline.expected(store, shop.before)
    before = pipeline.simulator.levels(store.name)
    held = wait.until(
        lambda: (one := status_of(pipeline.consumer, store)["held"])["levels"] == len(expected)
        and one, "all levels are counted", alive=pipeline.alive)
    assert held["fallen"] == sum(number <= 0 for number in expected.values())
    assert held["changed"] == sum(before[key]["available"] != number
                                  for key, number in expected.items())
    assert len(held["examples"]) == 10 and held["examples"][0]["to"] == 0
    text = pipeline.command("consumer", "status").out
    assert "first contact" in text and "resume --store" in text
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code == programs.EXIT_AWAY and "first contact" in result.text
    # The other store is written meanwhile; a restart changes nothing.
    wait.until(lambda: not checks.levels_equal(
        pipeline.simulator.levels(neighbour.name), pipeline.expected(neighbour, shop.before),
        neighbour.quantity), "the neighbour is equal", seconds=60, alive=pipeline.alive)
    assert pipeline.consumer.stop() == 0
    result = programs.command("consumer", pipeline.config, "run", "--once", "--store", store.name,
                              seconds=90)
    assert result.code == programs.EXIT_AWAY and "first contact" in result.err
    pipeline.consumer.start()
    wait_held(pipeline, pipeline.consumer, store)
    assert not pipeline.simulator.journal(store.name)
    assert pipeline.simulator.levels(store.name) == before
    result = pipeline.command("consumer", "resume", "--store", store.name)
    assert "first contact" in result.out and "->" in result.out
    pipeline.wait_settled()
    pipeline.check(shop.before)
    assert status_of(pipeline.consumer, store)["state"] == "running"


def test_two_processes_wait_for_one_resume(pipeline, shop):
    store, _ = pipeline.stores
    pipeline.start()
    another = pipeline.another_consumer("run").start()
    pipeline.backfill()
    for program in (pipeline.consumer, another):
        wait_held(pipeline, program, store)
    assert not pipeline.simulator.journal(store.name)
    pipeline.command("consumer", "resume", "--store", store.name)
    pipeline.wait_settled()
    pipeline.check(shop.before)


def test_resume_before_the_figures_are_there_approves_nothing(pipeline):
    store, _ = pipeline.stores
    pipeline.start()
    wait.until(lambda: status_of(pipeline.consumer, store)["state"] == "running",
               "the empty topic is read", alive=pipeline.alive)
    result = pipeline.command("consumer", "resume", "--store", store.name)
    assert "not held yet" in result.out
    pipeline.backfill()
    wait_held(pipeline, pipeline.consumer, store)
    assert not pipeline.simulator.journal(store.name)
