"""Answers that never come, in every way in which a transfer can end: the same bytes under the same key
go out again, and in the end every level is right and was written once."""

from collections import Counter

import pytest

from conftest import outlet, wholesale
from lab import checks, wait
from lab.relay import Relay
from lab.stores import Store

# More than it takes until a request without a byte of its answer is given up.
DELAY_MS = 26000
# Ways in which a transfer ends without an answer; more of them in test_crash.py. With HTTP/2 a
# connection that ends takes its neighbours along.
ENDS = ["reset_before", "stream_refused", "stream_reset", "goaway", "retire", "cut_body"]
SETTLED = "SELECT store, count(*) FROM stocksync.attempt WHERE outcome IS NULL GROUP BY store"


def market(number, **more):
    """Sets `on_hand` from free stock, each warehouse a location of its own. Over TLS."""
    return Store(**{"name": f"market{number}", "quantity": "on_hand", "basis": "free",
                    "locations": {"A": ["WH"], "B": ["NO"], "C": ["SO"], "D": ["Second Co/Secon"]},
                    "location_base": 7000, "tls": True, **more})


def all_requests(pipeline, store):
    """All of a shop's requests; the log must go back to its first one."""
    counted = sum(pipeline.simulator.stats(store.name)["requests"].values())
    mine = pipeline.simulator.requests(store.name)      # afterwards: more may come meanwhile
    # One that was cut off while it arrived is in the log and not counted.
    assert len(mine) >= counted, "the log of requests does not go back far enough"
    return mine


def check_effects(pipeline, products):
    """The final checker, which looks at each key and its bytes, and: no mutation is left open."""
    pipeline.check(products)
    for store in pipeline.stores:
        all_requests(pipeline, store)   # the checker saw every one of them
    assert pipeline.connection.execute(SETTLED).fetchall() == []


def ended(pipeline, store, kind):
    return pipeline.simulator.stats(store.name)["faults"].get(kind, 0)


def churn(pipeline, rounds):
    """Moves a seventh of all stock up and later down again, each in a transaction of its own."""
    for number in range(rounds):
        for sign in "+", "-":
            pipeline.connection.execute(
                f"UPDATE public.stock_quant SET quantity = quantity {sign} 3"
                " WHERE product_id %% 7 = %s", (number % 7,))
            pipeline.wait_published()


def test_reset_after_execution_on_every_tenth_request(make_pipeline, database, number, shop):
    """Four stores, nearly three thousand levels, hundreds of mutations: every tenth request of each
    store ends with a reset of its connection after it was executed, and all that is in flight on it
    is lost. No double effect, no lost level."""
    pipeline = make_pipeline(
        database, outlet(number), wholesale(number), market(number),
        market(number, name=f"bazaar{number}", location_base=8000, tls=False, buffer=1),
    ).open_shops(plan="plus")
    pipeline.install()
    for store in pipeline.stores:
        pipeline.simulator.fault(store.name, "reset_after", every=10)
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape)
    churn(pipeline, 21)
    records = pipeline.wait_settled()       # the faults are still on
    check_effects(pipeline, shop.after)
    levels = sum(len(pipeline.expected(store, shop.after)) for store in pipeline.stores)
    assert levels > 2500 and len(records) > 2500
    for store in pipeline.stores:
        stats = pipeline.simulator.stats(store.name)
        resets = stats["faults"]["reset_after"]
        assert resets >= 10 and resets == sum(stats["requests"].values()) // 10
        lost = [entry["key"] for entry in pipeline.simulator.journal(store.name)
                if entry["fault"] == "reset_after" and entry["outcome"] in checks.EXECUTED]
        sent = Counter(one["key"] for one in all_requests(pipeline, store))
        assert lost and all(sent[key] > 1 for key in lost)
        assert stats["replayed"] >= len(lost)
    assert pipeline.consumer.stop() == 0
    assert pipeline.producer.stop() == 0


@pytest.mark.parametrize("kind", ENDS)
def test_transfer_that_ends_otherwise_is_sent_again(pipeline, shop, kind):
    """Every third request ends so, in both stores, in the middle of the others."""
    for store in pipeline.stores:
        pipeline.simulator.fault(store.name, "slow", delayMs=20)
    pipeline.start()
    pipeline.backfill()
    for store in pipeline.stores:
        pipeline.simulator.fault(store.name, kind, every=3, operation="inventorySetQuantities")
    pipeline.replay(shop.tape)
    pipeline.wait_published()
    for store in pipeline.stores:
        wait.until(lambda store=store: ended(pipeline, store, kind) > 2,
                   f"{store.name}: transfers ended", seconds=60, alive=pipeline.alive)
        pipeline.simulator.heal(store.name)
    pipeline.wait_settled()
    check_effects(pipeline, shop.after)
    connections = pipeline.simulator.stats(pipeline.stores[0].name)["connections"]["2.0"]
    # The end of one stream alone is not that of the connection.
    assert connections == 1 if kind == "stream_reset" else connections > 2


def test_answer_that_comes_too_late_is_asked_for_again(pipeline, shop):
    """Still being executed when it comes again, after we gave up."""
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    for store in pipeline.stores:
        pipeline.simulator.fault(store.name, "slow_execution", delayMs=DELAY_MS, count=1,
                                 operation="inventorySetQuantities")
    pipeline.replay(shop.tape)
    pipeline.wait_settled()
    check_effects(pipeline, shop.after)
    for store in pipeline.stores:
        sent = Counter(one["key"] for one in all_requests(pipeline, store) if one["key"])
        assert sum(count > 1 for count in sent.values()) == 1


def test_connection_that_went_silent_is_left(make_pipeline, database, number, shop, simulator):
    """A router forgets a connection: nothing passes, nobody is told. One stall later the lane is on
    another connection, though HTTP/2 would have kept the dead one."""
    pipeline = make_pipeline(database, outlet(number), wholesale(number)).open_shops()
    pipeline.install()
    store = pipeline.stores[0]
    with Relay(simulator.tls_port) as relay:
        pipeline.sections[f"store.{store.name}"]["api_url"] = (
            f"https://127.0.0.1:{relay.port}/shops/{store.name}")
        pipeline.write_config()
        pipeline.start()
        pipeline.backfill()
        pipeline.wait_settled()
        relay.go_silent()
        assert relay.silent > 0
        pipeline.replay(shop.tape)
        wait.until(lambda: not pipeline.compare_levels(store, shop.after)[2],
                   "the levels are right", seconds=50, alive=pipeline.alive)
        pipeline.wait_settled()
        check_effects(pipeline, shop.after)
        assert pipeline.consumer.stop() == 0
