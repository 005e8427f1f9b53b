"""Rules that change on restart, what other rules would write, and products that leave a store."""

import json
import os
import re

import pytest

from conftest import outlet
from lab import checks, programs, stores, wait

LINE = re.compile(r'store=(\S+) product=(\d+) sku="((?:[^"\\]|\\.)*)" item=(\d+) location=(\d+) from=(-?\d+)'
                  r' to=(-?\d+) cause=(\w+)$')
OPEN_BRAKE = {"brake_percent": 100, "brake_change_percent": 100}


def status(pipeline, store, program=None):
    document = json.loads((program or pipeline.consumer).http("/status")[1])
    return next(one for one in document["stores"] if one["store"] == store.name)


def settled(pipeline, store, products, *running):
    """Every level has the number of the store's rules, and no partition is planned again."""
    wait.until(lambda: not pipeline.compare_levels(store, products)[2],
               lambda: pipeline.compare_levels(store, products)[2][:3], seconds=120)
    wait.until(lambda: all(status(pipeline, store, one)["replanning"] == 0 for one in running),
               "rules are stored", seconds=60)


def digests(pipeline, store):
    return dict(pipeline.connection.execute(
        "SELECT partition, digest FROM stocksync.planned WHERE store = %s", (store.name,)).fetchall())


@pytest.fixture
def one_store(make_pipeline, database, number):
    store = outlet(number)
    pipeline = make_pipeline(database, store, options={f"store.{store.name}": OPEN_BRAKE}).open_shops()
    pipeline.install()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline


def change(pipeline, **rules):
    """Other rules, in the file and in the checker."""
    store, = pipeline.stores
    for key, value in rules.items():
        setattr(store, key, value)
        pipeline.sections[f"store.{store.name}"][key] = value
    pipeline.write_config()
    return store


def test_new_rules_reach_every_level_on_restart_without_a_backfill(one_store, shop):
    pipeline = one_store
    store, = pipeline.stores
    records = len(pipeline.records())
    before = digests(pipeline, store)
    assert len(before) == 4
    for rules in {"buffer": 5}, {"cap": 7}, {"offer_percent": 50, "buffer": 0}:
        assert pipeline.consumer.stop() == 0
        committed = pipeline.kafka.committed(store.group, pipeline.topic)
        change(pipeline, **rules)
        pipeline.consumer.start()
        settled(pipeline, store, shop.before, pipeline.consumer)
        assert "event=planning_again" in pipeline.consumer.text()
        after = digests(pipeline, store)
        assert set(after) == set(before) and not set(after.values()) & set(before.values())
        before = after
        assert pipeline.kafka.committed(store.group, pipeline.topic) == committed
    assert len(pipeline.records()) == records
    journal = len(pipeline.simulator.journal(store.name))
    assert pipeline.consumer.stop() == 0
    pipeline.consumer.start()       # the same rules: nothing is planned again
    pipeline.wait_settled()
    assert "event=planning_again" not in pipeline.consumer.text().split("event=start")[-1]
    assert len(pipeline.simulator.journal(store.name)) == journal
    checks.expect(checks.one_effect_for_each_key(pipeline.simulator.journal(store.name),
                                                 pipeline.simulator.requests(store.name)), "keys")


def test_new_rules_with_two_processes(one_store, shop):
    """Each plans its partitions. Killed half way, they begin again."""
    pipeline = one_store
    store, = pipeline.stores
    assert pipeline.consumer.stop() == 0
    change(pipeline, buffer=4)
    second = pipeline.another_consumer("run", "--role", "stores")
    second.start(ready=False)
    pipeline.consumer.start(ready=False)
    wait.until(lambda: "event=planning_again" in second.text() or
               "event=planning_again" in pipeline.consumer.text(), "one of them plans again")
    second.kill()
    second.start(ready=False)
    settled(pipeline, store, shop.before, pipeline.consumer, second)
    wait.until(lambda: len(set(digests(pipeline, store).values())) == 1, "all partitions", seconds=60)
    checks.expect(checks.one_effect_for_each_key(pipeline.simulator.journal(store.name),
                                                 pipeline.simulator.requests(store.name)), "keys")


def test_what_other_rules_would_write(one_store, shop):
    pipeline = one_store
    store, = pipeline.stores
    before = pipeline.expected(store, shop.before)
    rules = os.path.join(pipeline.directory, "rules.ini")
    programs.write_config(rules, {f"store.{store.name}": {"buffer": 6}})
    journal = pipeline.simulator.journal(store.name)
    result = pipeline.command("consumer", "run", "--dry-run", "--once", "--rules", rules, seconds=120)
    assert pipeline.simulator.journal(store.name) == journal
    store.buffer = 6
    after = pipeline.expected(store, shop.before)
    found = {(int(one[4]), int(one[5])): (int(one[6]), int(one[7]))
             for one in map(LINE.match, result.out.splitlines()) if one}
    assert {key: found[key] for key in before if before[key] != after[key]} == {
        key: (before[key], after[key]) for key in before if before[key] != after[key]}
    assert not [key for key in before if before[key] == after[key] and key in found]
    fall = len(found)
    zero = sum(1 for _, to in found.values() if to == 0)
    assert fall > zero > 0
    assert f"0 would rise, {fall} fall, {zero} of them to zero" in result.out
    assert "planning_again" not in pipeline.consumer.text()


@pytest.mark.parametrize("text, said", [
    ("[store.{store}]\nbuffer = few\n", "rules.ini:2: [store.{store}] buffer = 'few'"),
    ("[store.{store}]\ncolor = red\n", "rules.ini:2: unknown key 'color' in [store.{store}]"),
    ("[store.other]\nbuffer = 1\n", "rules.ini:1: the configuration has no section [store.other]"),
    ("[kafka]\nbootstrap.servers = x\n", "rules.ini:1: section [kafka] cannot be changed here"),
    ("[store.{store}]\nlocation.Berlin = ,\n", "rules.ini:2: [store.{store}] location.Berlin names no warehouse"),
])
def test_rules_that_cannot_be_used_are_named(make_pipeline, database, number, text, said):
    pipeline = make_pipeline(database, outlet(number))
    store, = pipeline.stores
    rules = os.path.join(pipeline.directory, "rules.ini")
    with open(rules, "w", encoding="utf-8") as file:
        file.write(text.format(store=store.name))
    result = programs.command("consumer", pipeline.config, "run", "--dry-run", "--rules", rules)
    assert result.code == programs.EXIT_CONFIG
    assert said.format(store=store.name) in result.text
    result = programs.command("consumer", pipeline.config, "run", "--rules", rules)
    assert result.code == programs.EXIT_USAGE


# --- products that leave the store ---

ARCHIVE = "UPDATE product_product SET active = false WHERE id = %s"
DISABLE = "UPDATE product_product SET shopify_product = false WHERE id = %s"
RENAME = "UPDATE product_product SET default_code = default_code || '-X' WHERE id = %s"


def plain(pipeline, shop, count, stock=20):
    """{product: quant} of storable products in no kit, whose stock is in one quant of WH."""
    wanted = {item - stores.ITEM_BASE for item, _ in pipeline.expected(pipeline.stores[0], shop.before)}
    ids = [one.id for one in shop.before.values()
           if one.type == "product" and not one.is_kit and one.id in wanted]
    found = dict(pipeline.connection.execute(
        "SELECT DISTINCT ON (q.product_id) q.product_id, q.id FROM stock_quant q"
        " JOIN stock_warehouse w ON w.lot_stock_id = q.location_id AND w.code = 'WH'"
        " WHERE NOT EXISTS (SELECT FROM mrp_bom_line b WHERE b.product_id = q.product_id)"
        " AND q.product_id = ANY (%s) ORDER BY q.product_id, q.id LIMIT %s", (ids, count)).fetchall())
    assert len(found) == count
    pipeline.connection.execute(
        "UPDATE stock_quant q SET quantity = 0, reserved_quantity = 0 FROM stock_location l WHERE l.id = q.location_id"
        " AND l.usage IN ('internal', 'transit') AND q.product_id = ANY (%s)", (list(found),))
    pipeline.connection.execute("UPDATE stock_quant SET quantity = %s WHERE id = ANY (%s)",
                                (stock, list(found.values())))
    return found


def level(pipeline, product):
    store = pipeline.stores[0]
    return pipeline.simulator.levels(store.name)[stores.ITEM_BASE + product, min(store.location_ids.values())]["available"]


def leaving(make_pipeline, database, number, **options):
    store = outlet(number, buffer=0)
    pipeline = make_pipeline(database, store,
                             options={f"store.{store.name}": {**OPEN_BRAKE, **options}}).open_shops()
    pipeline.install()
    return pipeline


@pytest.mark.parametrize("excluded", ["keep", "zero"])
def test_last_number_of_a_product_that_leaves(make_pipeline, database, number, shop, excluded):
    pipeline = leaving(make_pipeline, database, number, excluded=excluded)
    store, = pipeline.stores
    *three, later = plain(pipeline, shop, 4)
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    assert [level(pipeline, one) for one in three] == [20, 20, 20]
    for product, statement in zip(three, (ARCHIVE, DISABLE, RENAME)):
        pipeline.connection.execute(statement, (product,))
    pipeline.wait_settled()
    # the new SKU may be on its way to the store: that product waits a minute
    pipeline.connection.execute("UPDATE stocksync.product SET noted_at = now() - interval '2 minutes'")
    pipeline.connection.execute("UPDATE product_product SET active = false WHERE id ="
                                " (SELECT id FROM product_product WHERE active AND id <> ALL (%s) LIMIT 1)", ([*three, later],))
    pipeline.wait_settled()
    if excluded == "keep":
        wait.until(lambda: status(pipeline, store)["leftover_products"] >= 3, "they are counted", seconds=60)
        assert [level(pipeline, one) for one in three] == [20, 20, 20]
        text = pipeline.command("consumer", "status").out
        assert f"{store.name}: " in text and "keep their last number" in text
        assert pipeline.consumer.metric(f'stocksync_store_leftover_products{{store="{store.name}"}}') >= 3
        return
    wait.until(lambda: [level(pipeline, one) for one in three] == [0, 0, 0],
               lambda: [level(pipeline, one) for one in three])
    item = stores.ITEM_BASE + three[0]
    zeros = [entry for entry in pipeline.simulator.applied(store.name) if f"{item}" in json.dumps(entry)]
    pipeline.consumer.kill()
    pipeline.consumer.start()
    pipeline.wait_settled()
    # a product that leaves now gets its 0: by then the consumer has looked at all that are left over
    pipeline.connection.execute(ARCHIVE, (later,))
    wait.until(lambda: level(pipeline, later) == 0, "what is left over is looked at", seconds=60)
    assert [entry for entry in pipeline.simulator.applied(store.name) if f"{item}" in json.dumps(entry)] == zeros
    pipeline.connection.execute("UPDATE product_product SET active = true WHERE id = %s", (three[0],))
    wait.until(lambda: level(pipeline, three[0]) == 20, "it is back")


def test_numbers_that_wait_are_dropped_when_the_product_leaves(make_pipeline, database, number, shop):
    """The store answers 503 meanwhile; a person sets the levels by hand."""
    pipeline = leaving(make_pipeline, database, number, unimported_sale_grace="0s")
    store, = pipeline.stores
    quants = plain(pipeline, shop, 5)
    first, second, *three = quants
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    pipeline.simulator.fault(store.name, "html_5xx", operation="StockSet", status=503)
    pipeline.connection.execute("UPDATE stock_quant SET quantity = 5 WHERE id = %s", (quants[first],))
    wait.until(lambda: status(pipeline, store)["breaker"] == "open", "the breaker is open")
    for product in (second, *three):
        pipeline.connection.execute("UPDATE stock_quant SET quantity = 5 WHERE id = %s", (quants[product],))
    wait.until(lambda: status(pipeline, store)["pending"] >= 4, "they wait")
    for product, statement in zip(three, (ARCHIVE, DISABLE, RENAME)):
        pipeline.connection.execute(statement, (product,))
    pipeline.wait_published()
    wait.until(lambda: pipeline.consumer.metric(
        f'stocksync_store_excluded_levels_total{{store="{store.name}"}}') >= 3, "they are dropped")
    skus = {product: sku for product, sku, _ in pipeline.skus}
    for product in three:
        pipeline.simulator.order(store.name, "adjust", skus[product], min(store.location_ids.values()), 80)
    pipeline.simulator.heal(store.name)
    wait.until(lambda: level(pipeline, second) == 5, "the store is back", seconds=90)
    pipeline.wait_settled()
    assert [level(pipeline, product) for product in three] == [100, 100, 100]
