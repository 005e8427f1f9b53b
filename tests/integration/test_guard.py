"""The clone guard: a copy of Odoo's database must not reach the stores."""

import json
import uuid

import pytest

from conftest import outlet
from lab import checks, kafka as kafka_module, programs, record as record_module, stores, wait

UUID = "SELECT value FROM ir_config_parameter WHERE key = 'database.uuid'"
OTHER = str(uuid.UUID(int=0xC0FFEE))


@pytest.fixture
def pipeline(make_pipeline, database, number):
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    return pipeline


def first_load(pipeline):
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline.connection.execute(UUID).fetchone()[0]


def status(pipeline):
    return json.loads(pipeline.consumer.http("/status")[1])["stores"][0]


def wait_state(pipeline, state):
    wait.until(lambda: status(pipeline)["state"] == state, lambda: f"{state}: {status(pipeline)}",
               alive=pipeline.consumer.alive)


def set_uuid(connection, value):
    connection.execute("UPDATE ir_config_parameter SET value = %s WHERE key = 'database.uuid'",
                       (value,))


def stranger(pipeline, product):
    """What a copy of the database would publish of a product, newer than all there is."""
    record = [one for one in pipeline.records() if one.key == str(product).encode()][-1]
    newer = int(record.headers["revision"]) + 1_000_000
    return pipeline.kafka.produce(pipeline.topic, record.key, record.value,
                                  {**record.headers, "revision": str(newer),
                                   "database": OTHER}, record.partition)


def sold(pipeline, shop):
    """A product with stock that the store shows."""
    expected = pipeline.expected(pipeline.stores[0], shop.before)
    return next(product for product in shop.before.values() if product.type == "product"
                and not product.is_kit
                and expected.get((stores.ITEM_BASE + product.id, 5001), 0) > 5)


def touch(pipeline, product):
    pipeline.connection.execute(
        "UPDATE stock_quant SET quantity = quantity + 1 WHERE id = (SELECT min(id) FROM stock_quant"
        " WHERE product_id = %s)", (product.id,))


def committed(pipeline):
    return pipeline.kafka.committed(pipeline.stores[0].group, pipeline.topic)


def test_every_record_says_its_database(pipeline):
    known = first_load(pipeline)
    records = pipeline.records()
    assert {record.headers.get("database") for record in records} == {known.encode()}
    pipeline.connection.execute("DELETE FROM product_product WHERE id = (SELECT max(p.id) FROM"
                                " product_product p WHERE NOT EXISTS (SELECT FROM stock_quant q"
                                " WHERE q.product_id = p.id))")
    pipeline.wait_published()
    tombstones = [record for record in pipeline.records() if record.value is None]
    assert tombstones and tombstones[-1].headers["database"] == known.encode()
    assert status(pipeline)["database"] == known
    assert json.loads(pipeline.producer.http("/status")[1])["database"] == known
    for program in ("producer", "consumer"):
        assert known in pipeline.command(program, "status").out


def test_confirming_the_same_database_skips_the_strangers(pipeline, shop):
    known = first_load(pipeline)
    stranger(pipeline, sold(pipeline, shop).id)
    wait_state(pipeline, "held")
    why = status(pipeline)["why"]
    assert known in why and OTHER in why and "resume" in why
    assert status(pipeline)["held"]["reason"] == "another_database"
    result = programs.command("consumer", pipeline.config, "resume", "--store",
                              pipeline.stores[0].name)
    assert result.code == programs.EXIT_USAGE and OTHER in result.text
    pipeline.command("consumer", "resume", "--store", pipeline.stores[0].name, "--database", known)
    wait_state(pipeline, "running")
    ends = kafka_module.last_offsets(pipeline.records())
    wait.until(lambda: not pipeline.kafka.unread(pipeline.stores[0].group, pipeline.topic, ends),
               "the stranger is skipped")
    checks.expect(pipeline.compare_levels(pipeline.stores[0], shop.before)[2], "levels")


def test_copied_database_is_refused_until_confirmed_everywhere(pipeline, shop):
    store = pipeline.stores[0]
    first_load(pipeline)
    assert pipeline.producer.stop() == 0
    set_uuid(pipeline.connection, OTHER)
    pipeline.producer.start(ready=False)
    shown = pipeline.producer.wait_state("waiting")
    assert shown["reason"] == "DATABASE_UNFIT"
    assert f"install --database {OTHER}" in shown["why"]
    touched = sold(pipeline, shop)
    touch(pipeline, touched)
    written = len(pipeline.simulator.journal(store.name))
    result = programs.command("producer", pipeline.config, "install", "--database", UUID)
    assert result.code == programs.EXIT_CONFIG
    pipeline.command("producer", "install", "--database", OTHER)
    pipeline.producer.wait_ready()
    wait_state(pipeline, "held")
    pipeline.wait_published()
    assert len(pipeline.simulator.journal(store.name)) == written
    pipeline.command("consumer", "resume", "--store", store.name, "--database", OTHER)
    pipeline.wait_settled()
    wait_state(pipeline, "running")
    assert status(pipeline)["database"] == OTHER
    pipeline.connection.execute(
        "UPDATE stock_quant SET quantity = quantity - 1 WHERE id = (SELECT min(id) FROM stock_quant"
        " WHERE product_id = %s)", (touched.id,))
    pipeline.wait_settled()
    pipeline.check(shop.before)


def test_history_of_another_database_is_skipped(pipeline, shop):
    """A new store over an old topic: what the database before said is not written."""
    store = pipeline.stores[0]
    set_uuid(pipeline.connection, OTHER)
    pipeline.install()          # without a producer that switched the marks off
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    assert pipeline.producer.stop() == 0
    known = "6b3fe631-0676-4a73-8ca9-b4bc37962095"
    set_uuid(pipeline.connection, known)
    pipeline.command("producer", "install", "--database", known)
    pipeline.command("consumer", "resume", "--store", store.name, "--database", known)
    pipeline.consumer.start()
    ends = kafka_module.last_offsets(pipeline.records())
    wait.until(lambda: not pipeline.kafka.unread(store.group, pipeline.topic, ends), "all skipped")
    assert pipeline.simulator.journal(store.name) == []
    assert pipeline.consumer.metric("stocksync_store_foreign_records_total") > 400
    pipeline.producer.start()   # publishes everything again
    wait.until(lambda: pipeline.simulator.journal(store.name), "the right records come")
    pipeline.wait_settled()
    checks.expect(pipeline.compare_levels(store, shop.before)[2], "levels")


def test_records_of_an_older_producer_are_applied(pipeline, shop):
    store = pipeline.stores[0]
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    assert pipeline.producer.stop() == 0
    records = pipeline.records()
    topic = f"{pipeline.topic}.old"
    pipeline.sections["topic"]["name"] = topic
    pipeline.write_config()
    pipeline.producer.start()
    assert pipeline.producer.stop() == 0
    newest, = pipeline.connection.execute(
        "SELECT coalesce(max(first_revision), 0) FROM stocksync.stream").fetchone()
    for place, one in enumerate(records[:20], start=1):
        revision = max(newest, int(one.headers["revision"])) + place
        key, value, headers = record_module.changed(one, revision)
        pipeline.kafka.produce(topic, key, value, {name: text for name, text in headers.items()
                                                   if name not in ("database", "stream")})
    pipeline.command("consumer", "run", "--once", "--role", "stores", seconds=90)
    products = {int(record.key) for record in records[:20]}
    expected = pipeline.expected(store, {one: shop.before[one] for one in products
                                         if one in shop.before})
    assert expected
    levels = pipeline.simulator.levels(store.name)
    assert {key: levels[key]["available"] for key in expected} == expected
