"""Levels that are missing or inactive, items that are not tracked: never written as they are, and cured
where an option says so."""

import pytest

from lab import stores, wait
from test_unimported_sales import NO_CRASH_POINTS, has_crash_points
from test_mapping import NEW_ITEM, Case


@pytest.fixture
def make_case(make_pipeline, database, number, shop):
    return lambda **more: Case(make_pipeline, database, number, shop, **more)


def without_level(case, product, **more):
    """The product's item is another one, which has levels as `more` says."""
    case.change([case.new_item(product, **{"levels": [], **more})], remove=[case.item(product)])
    return NEW_ITEM + product


def test_missing_level_is_parked_unless_it_may_be_activated(make_case):
    case = make_case()
    product, = case.products
    item = without_level(case, product)
    case.start()
    case.expect_reasons(product, "level_missing")
    case.receive(product, 1)
    case.pipeline.wait_settled()
    assert case.level(item) is None
    case.expect_no_useless_writes()
    # Now it may: what was parked gets its level, without a change in Odoo.
    assert case.pipeline.consumer.stop() == 0
    case.pipeline.sections[f"store.{case.store.name}"]["activate_levels"] = "on"
    case.pipeline.write_config()
    case.pipeline.consumer.start()
    wait.until(lambda: case.level(item) is not None, "it is activated", alive=case.pipeline.alive)
    case.expect_reasons(product)
    before = case.level(item)
    case.receive(product, 3)
    case.expect_level(item, before + 3)
    case.expect_no_useless_writes()
    levels = len(case.store.locations)
    assert case.pipeline.consumer.metric("stocksync_store_activated_total") == levels


def test_activation_without_an_answer_is_sent_again(make_case):
    case = make_case(activate_levels="on").start()
    product, = case.products
    number = case.level(case.item(product))
    assert case.requests("LevelActivate") == 0      # an active level: nothing to activate
    case.simulator.fault(case.store.name, "reset_after", operation="LevelActivate", count=1)
    item = without_level(case, product)
    case.reload()
    case.expect_level(item, number, seconds=60)
    case.expect_reasons(product)
    case.expect_no_useless_writes()


@pytest.mark.parametrize("point", ["lane.sent", "lane.answered", "lane.activated"])
def test_kill_around_an_activation(make_case, point):
    """Nothing of an activation is stored: the next process reads first, and no number is overwritten."""
    if not has_crash_points():
        pytest.skip(NO_CRASH_POINTS)
    case = make_case(activate_levels="on")
    case.pipeline.shorten_sessions()
    case.start()
    product, = case.products
    number = case.level(case.item(product))
    consumer = case.pipeline.consumer
    assert consumer.stop() == 0
    item = without_level(case, product)
    case.pipeline.connection.execute(   # as if it had been read already: the first request is the one
        "DELETE FROM stocksync.catalogue WHERE store = %s", (case.store.name,))
    consumer.env = {"STOCKSYNC_FAULT": f"{point}:kill:{2 if point == 'lane.sent' else 1}"}
    case.receive(product, 2)
    consumer.start(ready=False)
    wait.until(lambda: not consumer.running, lambda: f"dies at {point}: {consumer.tail()}", seconds=60)
    consumer.wanted, consumer.env = False, None
    case.receive(product, 2)
    consumer.start()
    case.expect_level(item, number + 4, seconds=60)
    case.expect_reasons(product)
    case.expect_no_useless_writes()


def test_untracked_item_is_reported(make_case):
    case = make_case()
    product, = case.products
    case.change([{"id": case.item(product), "tracked": False}])
    case.start()
    number = case.level(case.item(product))
    assert number != stores.WRONG_START, "its number is kept right all the same"
    assert "catalogue_untracked" in case.pipeline.consumer.text()
    assert case.pipeline.consumer.metric("stocksync_store_untracked_items") == 1
    for text in (case.pipeline.command("consumer", "check").out,
                 case.pipeline.command("consumer", "catalogue").out,
                 case.pipeline.consumer.http("/status")[1]):
        assert case.skus[product] in text
    assert case.requests("ItemTrack") == 0


def test_untracked_item_is_tracked_when_it_may_be(make_case):
    """The one is untracked from the start, the other is made so when it has its number already."""
    case = make_case(count=2, track_items="on")
    product, later = case.products
    case.change([{"id": case.item(product), "tracked": False}])
    case.start()
    tracked = lambda item: {level["tracked"] for (one, _), level
                            in case.simulator.levels(case.store.name).items() if one == item}
    assert tracked(case.item(product)) == {True}
    assert case.level(case.item(product)) != stores.WRONG_START
    case.change([{"id": case.item(later), "tracked": False}])
    case.reload()
    before = case.level(case.item(later))
    case.receive(later, 1)
    case.expect_level(case.item(later), before + 1)
    assert tracked(case.item(later)) == {True}
    wait.until(lambda: case.pipeline.consumer.metric("stocksync_store_untracked_items") == 0,
               "none is left")
    case.expect_reasons(product)
