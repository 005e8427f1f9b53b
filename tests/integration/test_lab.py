"""The laboratory itself: servers, data set, simulator. What fails here makes the rest worthless."""

import hashlib
import os
import signal

import pytest

from conftest import outlet, wholesale
from lab import checks, odoo, stores, wait
from lab.kafka import last_offsets
from lab.postgres import Postgres


def test_data_set_is_the_recorded_one(shop):
    with open(os.path.join(shop.folder, "SHA256SUMS"), encoding="ascii") as sums:
        for line in sums:
            digest, name = line.split()
            with open(os.path.join(shop.folder, name), "rb") as file:
                assert hashlib.sha256(file.read()).hexdigest() == digest, name


def test_data_set_restores(connection):
    products, quants = connection.execute(
        "SELECT (SELECT count(*) FROM public.product_product),"
        " (SELECT count(*) FROM public.stock_quant)").fetchone()
    assert (products, quants) == (437, 700)


def test_warehouse_codes(connection):
    codes = odoo.warehouses(connection)
    assert codes["WH"] == codes["Main Co/WH"] == 1
    assert codes["Second Co/Secon"] == 4
    assert "CL" not in codes


def test_tape_replays_without_our_triggers(connection, shop):
    outcomes = odoo.replay(connection, shop.tape)
    assert [outcome.number for outcome in outcomes] == list(range(1, 201))
    assert [outcome for outcome in outcomes if outcome.error] == []


def test_a_failing_transaction_is_reported_and_rolled_back(connection):
    broken = odoo.Transaction(1, "broken", "BEGIN; DELETE FROM stock_quant; SELECT 1/0; COMMIT;")
    outcome, = odoo.replay(connection, [broken])
    assert outcome.error.startswith("22012")
    assert connection.execute("SELECT count(*) FROM public.stock_quant").fetchone()[0] == 700


def test_checker_agrees_with_odoo(connection, shop):
    """The checker's own wording of the formula gives Odoo's numbers, before and after the tape."""
    for products in (shop.before, shop.after):
        seen = set()
        for product, warehouse, on_hand, free in connection.execute(checks.PLAIN_NUMBERS):
            assert not products[product].is_kit
            numbers = products[product].warehouses[warehouse]
            assert checks.equal(numbers.on_hand, float(on_hand)), (product, warehouse)
            assert checks.equal(numbers.free, float(free)), (product, warehouse)
            seen.add((product, warehouse))
        assert len(seen) == 4 * sum(not product.is_kit for product in products.values())
        odoo.replay(connection, shop.tape if products is shop.before else [])


@pytest.mark.parametrize("free, more, wanted", [
    (10, {}, 10), (10, {"buffer": 3}, 7), (2, {"buffer": 3}, 0), (-4, {}, 0), (2.99, {}, 2),
    (10, {"offer_percent": 95}, 9), (30, {"offer_percent": 90}, 27), (29, {"offer_percent": 90, "buffer": 1}, 25),
    (700, {"cap": 500}, 500), (0.3 + 0.6 + 0.1, {}, 1)])
def test_rules_by_hand(free, more, wanted):
    store = stores.Store("one", locations={"Here": ["WH"]}, **more)
    numbers = {1: odoo.Numbers(0, free, 0, 0, 0)}
    assert store.wanted("Here", numbers, {"WH": 1}) == wanted


def test_kafka_keeps_what_it_acknowledged(kafka, number):
    topic = f"lab.{number}"
    kafka.create_topic(topic, 3, {"cleanup.policy": "compact"})
    assert kafka.topic_config(topic)["cleanup.policy"] == "compact"
    for index in range(10):
        kafka.produce(topic, str(index).encode(), b"value", [("revision", b"1")])
    records = kafka.records(topic)
    assert sorted(int(record.key) for record in records) == list(range(10))
    assert {record.headers["revision"] for record in records} == {b"1"}
    assert kafka.unread("nobody", topic, last_offsets(records)) == len(last_offsets(records))
    kafka.delete_topic(topic)


def test_postgres_recovers_after_a_crash():
    with Postgres() as server:
        server.create_database("crash")
        with server.connect("crash") as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        server.restart(signal.SIGQUIT)
        with server.connect("crash") as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
    assert not os.path.exists(server.directory)


def test_simulator_shows_the_catalogue(simulator, connection, number):
    skus = stores.skus_of(connection)
    for store in (outlet(number), wholesale(number)):
        store.open_shop(simulator, skus)
        levels = simulator.levels(store.name)
        assert len(levels) == len(skus) * len(store.locations)
        assert {level[store.quantity] for level in levels.values()} == {stores.WRONG_START}
        assert simulator.journal(store.name) == []


def test_waiting_ends_with_a_reason():
    with pytest.raises(wait.Expired, match="the moon"):
        wait.until(lambda: False, "the moon", seconds=0.05)
