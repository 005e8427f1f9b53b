"""The brake: too much of a store would fall to zero, and somebody must look first."""

import json

import pytest

from conftest import outlet, wholesale
from lab import checks, programs, stores, wait

# Most of the outlet's stock lies in WH: without it 87 of its 494 levels fall to zero.
EMPTIED = ("UPDATE stock_quant q SET quantity = {} FROM stock_location l, stock_warehouse w,"
           " stock_location v WHERE l.id = q.location_id AND w.code = 'WH'"
           " AND v.id = w.view_location_id AND starts_with(l.parent_path, v.parent_path)")


@pytest.fixture
def pipeline(make_pipeline, database, number):
    """Two stores after their first load; the outlet has the brake as it comes, wholesale none."""
    pipeline = make_pipeline(
        database, outlet(number), wholesale(number),
        options={f"store.wholesale{number}": {"brake_percent": 100}}).open_shops()
    pipeline.install()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    wait.until(lambda: loaded(pipeline) == 2, "both first loads are over", seconds=90)
    return pipeline


def loaded(pipeline):
    return pipeline.connection.execute(
        "SELECT count(loaded_at) FROM stocksync.guard").fetchone()[0]


def archive(pipeline, active=False):
    pipeline.connection.execute("UPDATE stock_warehouse SET active = %s WHERE code = 'WH'",
                                (active,))


def status_of(consumer, store):
    found, = [one for one in json.loads(consumer.http("/status")[1])["stores"]
              if one["store"] == store.name]
    return found


def state_of(consumer, store):
    return status_of(consumer, store)["state"]


def wait_held(pipeline, consumer=None):
    consumer = consumer or pipeline.consumer
    wait.until(lambda: state_of(consumer, pipeline.stores[0]) == "held",
               lambda: f"held: {status_of(consumer, pipeline.stores[0])}", alive=pipeline.alive)


def wait_store(pipeline, store):
    """One store has written all that is in the topic."""
    pipeline.wait_published()
    ends = {}
    for record in pipeline.records():
        ends[record.partition] = max(record.offset, ends.get(record.partition, -1))
    wait.until(lambda: not pipeline.kafka.unread(store.group, pipeline.topic, ends),
               lambda: f"{store.name} is through with the topic", alive=pipeline.alive)


def fallen(pipeline, before):
    """Levels of the outlet that were above zero and are not any more."""
    now = pipeline.simulator.levels(pipeline.stores[0].name)
    return [key for key, level in before.items()
            if level["available"] > 0 and now[key]["available"] <= 0]


def without_warehouse(pipeline, store, shop, code):
    lost = pipeline.codes[code]
    products = {
        number: type(product)(**{**product.__dict__, "warehouses": {
            warehouse: numbers for warehouse, numbers in product.warehouses.items()
            if warehouse != lost}}) for number, product in shop.before.items()}
    return pipeline.expected(store, products)


def test_archived_warehouse_is_held_until_it_comes_back(pipeline, shop):
    store, neighbour = pipeline.stores
    before = pipeline.simulator.levels(store.name)
    archive(pipeline)
    wait_held(pipeline)
    wait_store(pipeline, neighbour)
    written = len(pipeline.simulator.journal(store.name))
    assert len(fallen(pipeline, before)) <= 49      # a tenth, if they came one by one
    held = wait.until(lambda: (found := status_of(pipeline.consumer, store)["held"])["fallen"] >= 87
                      and found, "all falls are counted")
    assert held["reason"] == "brake_zero"
    assert held["levels"] == pipeline.connection.execute(
        "SELECT count(*) FROM stocksync.level WHERE store = %s", (store.name,)).fetchone()[0]
    assert len(held["examples"]) == 10
    for example in held["examples"]:
        key = stores.ITEM_BASE + example["product"], example["location"]
        assert key == (example["item"], example["location"])
        assert before[key]["available"] == example["from"] > 0 == example["to"]
    # The neighbour is equal, the store's offsets stay, people are told.
    expected = without_warehouse(pipeline, neighbour, shop, "WH")
    checks.expect(checks.levels_equal(pipeline.simulator.levels(neighbour.name), expected,
                                      neighbour.quantity), neighbour.name)
    assert pipeline.consumer.metric("stocksync_store_held") == 1
    assert pipeline.consumer.is_ready()
    text = pipeline.command("consumer", "status").out
    assert "resume --store" in text and "product" in text
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code == programs.EXIT_AWAY and "held" in result.text
    assert len(pipeline.simulator.journal(store.name)) == written
    # The cause goes away.
    archive(pipeline, True)
    pipeline.wait_settled()
    assert state_of(pipeline.consumer, store) == "running"
    pipeline.check(shop.before)


def sold_out_in_the_store(pipeline, store, location, count):
    """Products whose whole stock at a location Shopify sells; kits and components are left out,
    since they fall together."""
    place = store.location_ids[location]
    linked = {number for row in pipeline.connection.execute(
        "SELECT kit_id, component_id FROM stocksync.kit_component") for number in row}
    known = pipeline.connection.execute(
        "SELECT item, product_id FROM stocksync.level WHERE store = %s AND location = %s"
        " AND quantity > 0 ORDER BY item", (store.name, place)).fetchall()
    skus = {product: sku for product, sku, _ in stores.skus_of(pipeline.connection)}
    now = pipeline.simulator.levels(store.name)
    sold = [(item, product) for item, product in known if product not in linked][:count]
    for item, product in sold:
        pipeline.simulator.order(store.name, "place", skus[product], place,
                                 now[item, place]["available"])
    assert len(sold) == count
    return [product for _, product in sold]


def import_orders(pipeline, store, location, products):
    """All at once, as a connector's job does."""
    pipeline.connection.execute(
        "UPDATE stock_quant q SET reserved_quantity = q.quantity FROM stock_location l,"
        " stock_warehouse w, stock_location v WHERE l.id = q.location_id AND w.code = ANY(%s)"
        " AND v.id = w.view_location_id AND starts_with(l.parent_path, v.parent_path)"
        " AND q.product_id = ANY(%s) AND q.quantity > q.reserved_quantity",
        (store.locations[location], products))


def test_flash_sale_is_not_held(pipeline):
    """More levels than the brake allows are sold out by Shopify, and imported in one transaction."""
    store, _ = pipeline.stores
    pipeline.sections[f"store.{store.name}"]["brake_percent"] = 5
    pipeline.write_config()
    assert pipeline.consumer.stop() == 0
    pipeline.consumer.start()
    sold = sold_out_in_the_store(pipeline, store, "Berlin", 35)
    import_orders(pipeline, store, "Berlin", sold)
    pipeline.wait_settled()
    assert state_of(pipeline.consumer, store) == "running"
    assert pipeline.consumer.metric("stocksync_store_holds_total") == 0
    assert pipeline.consumer.metric("stocksync_store_brake_checks_total") >= 1
    now = pipeline.simulator.levels(store.name)
    place = store.location_ids["Berlin"]
    assert {now[stores.ITEM_BASE + product, place]["available"] for product in sold} == {0}
    # Another mistake is still one.
    archive(pipeline)
    wait_held(pipeline)


def test_restarts_of_a_busy_store_hold_nothing(pipeline):
    """Many levels changed within the window, and the group takes seconds to assign partitions."""
    for _ in range(4):
        pipeline.connection.execute(
            "UPDATE stock_quant SET quantity = quantity + 1 WHERE id IN (SELECT q.id FROM"
            " stock_quant q JOIN stock_location l ON l.id = q.location_id"
            " WHERE l.usage = 'internal' AND q.quantity > 5 ORDER BY random() LIMIT 40)")
        pipeline.wait_settled()
        pipeline.consumer.kill()
        pipeline.consumer.start()
    pipeline.wait_settled()
    assert pipeline.consumer.metric("stocksync_store_holds_total") == 0
    assert "event=held" not in pipeline.consumer.text()


def test_resume_writes_what_was_held(pipeline, shop):
    store, _ = pipeline.stores
    archive(pipeline)
    wait_held(pipeline)
    result = pipeline.command("consumer", "resume", "--store", store.name)
    assert "brake_percent" in result.out and "->" in result.out
    pipeline.wait_settled()
    expected = without_warehouse(pipeline, store, shop, "WH")
    checks.expect(checks.levels_equal(pipeline.simulator.levels(store.name), expected,
                                      store.quantity), store.name)
    assert state_of(pipeline.consumer, store) == "running"
    result = pipeline.command("consumer", "resume", "--store", store.name)
    assert "not held" in result.out
    # What comes after it counts again.
    archive(pipeline, True)
    pipeline.wait_settled()
    archive(pipeline)
    wait_held(pipeline)


def test_restart_keeps_holding_and_resume_works_before_a_start(pipeline):
    store, _ = pipeline.stores
    pipeline.connection.execute(EMPTIED.format("0"))
    wait_held(pipeline)
    written = len(pipeline.simulator.journal(store.name))
    pipeline.consumer.kill()
    pipeline.consumer.start()
    wait_held(pipeline)
    wait.until(lambda: status_of(pipeline.consumer, store).get("held", {}).get("fallen", 0) > 49,
               "what waits is known again", seconds=60)
    assert pipeline.consumer.stop() == 0
    result = programs.command("consumer", pipeline.config, "run", "--once", "--store", store.name,
                              seconds=90)
    assert result.code == programs.EXIT_AWAY and "held" in result.err
    assert len(pipeline.simulator.journal(store.name)) == written
    pipeline.command("consumer", "resume", "--store", store.name)
    pipeline.consumer.start()
    pipeline.wait_settled()
    assert state_of(pipeline.consumer, store) == "running"
    assert len(pipeline.simulator.journal(store.name)) > written


def test_two_processes_hold_together(pipeline):
    """Each sees only its half of what falls."""
    store, _ = pipeline.stores
    another = pipeline.another_consumer("run").start()
    wait.until(lambda: {status_of(program, store)["partitions"]
                        for program in (pipeline.consumer, another)} == {2}, "both have a half",
               seconds=60)
    pipeline.connection.execute(EMPTIED.format("0"))
    for program in (pipeline.consumer, another):
        wait_held(pipeline, program)
    written = len(pipeline.simulator.journal(store.name))
    pipeline.wait_published()
    assert len(pipeline.simulator.journal(store.name)) == written
    pipeline.command("consumer", "resume", "--store", store.name)
    pipeline.wait_settled()
    for program in (pipeline.consumer, another):
        assert state_of(program, store) == "running"


def test_normal_trade_is_not_held(pipeline, shop):
    pipeline.replay(shop.tape)
    pipeline.wait_settled()
    pipeline.check(shop.after)
    assert pipeline.consumer.metric("stocksync_store_holds_total") == 0
    assert pipeline.consumer.metric("stocksync_store_brake_fallen_levels") < 50


def test_resume_names_what_is_wrong(pipeline):
    for arguments, words in ((["--store", "nowhere"], "nowhere"), ([], "--store"),
                             (["--store", pipeline.stores[0].name, "--database", "x"], "uuid")):
        result = programs.command("consumer", pipeline.config, "resume", *arguments)
        assert result.code == programs.EXIT_USAGE and words in result.text
