"""One change goes the whole way: two stores with maps and rules of their own, all numbers equal."""

import json
import subprocess

import pytest
from conftest import outlet, wholesale
from lab import checks, odoo, record, stores


def test_two_stores_equal_odoo_after_the_tape(pipeline, shop):
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    pipeline.check(shop.before)
    outcomes = pipeline.replay(shop.tape)
    assert [outcome for outcome in outcomes if outcome.error] == []
    pipeline.wait_settled()
    pipeline.check(shop.after)
    assert pipeline.consumer.stop() == 0
    assert pipeline.producer.stop() == 0


def test_state_in_a_database_of_its_own(make_pipeline, database, postgres, number, shop):
    """[state] dsn: nothing of the state is in Odoo's database, and all is equal all the same."""
    name = f"state_{number}"
    postgres.create_database(name)
    try:
        pipeline = make_pipeline(database, outlet(number), wholesale(number),
                                 options={"state": {"dsn": postgres.dsn(name)}}).open_shops()
        pipeline.install()
        pipeline.start()
        pipeline.backfill()
        pipeline.replay(shop.tape)
        pipeline.wait_settled()
        pipeline.check(shop.after)
        assert pipeline.connection.execute(
            "SELECT to_regclass('stocksync.level')").fetchone() == (None,)
        for program in ("producer", "consumer"):
            pipeline.command(program, "status")
            pipeline.command(program, "check")
        pipeline.command("producer", "gc")
        assert pipeline.consumer.stop() == 0
        assert pipeline.producer.stop() == 0
        pipeline.command("producer", "uninstall", "--purge")
    finally:
        pipeline.close()
        postgres.drop_database(name)


def test_store_that_starts_late_reads_the_topic_from_its_start(pipeline, shop):
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.replay(shop.tape)
    pipeline.wait_published()
    pipeline.consumer.start()
    pipeline.wait_settled()
    pipeline.check(shop.after)


def test_once_drains_what_is_there_and_ends(pipeline, shop):
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    pipeline.command("consumer", "run", "--once", seconds=120)
    for store in pipeline.stores:
        checks.expect(pipeline.compare_levels(store, shop.before)[2], store.name)
    mutations = {store.name: len(pipeline.simulator.journal(store.name))
                 for store in pipeline.stores}
    pipeline.command("consumer", "run", "--once", seconds=120)
    for store in pipeline.stores:
        assert len(pipeline.simulator.journal(store.name)) == mutations[store.name]


def test_one_process_may_run_one_store_of_several(pipeline, shop):
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    first, second = pipeline.stores
    pipeline.command("consumer", "run", "--once", "--store", first.name, seconds=120)
    checks.expect(pipeline.compare_levels(first, shop.before)[2], first.name)
    assert pipeline.simulator.journal(second.name) == []


def test_values_that_are_equal_already_are_not_sent(pipeline):
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    before = {store.name: len(pipeline.simulator.journal(store.name)) for store in pipeline.stores}
    pipeline.backfill()
    pipeline.wait_settled()
    for store in pipeline.stores:
        assert len(pipeline.simulator.journal(store.name)) == before[store.name]


def test_only_the_quantity_that_the_store_names_is_set(pipeline, shop):
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    for store in pipeline.stores:
        names = {entry["name"] for entry in pipeline.simulator.applied(store.name)}
        assert names == {store.quantity}


def test_sku_change_moves_to_the_other_item(pipeline, connection, shop):
    """A product that takes over another one's SKU feeds that one's inventory item from then on."""
    store = pipeline.stores[0]
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    expected = pipeline.expected(store, shop.before)
    donor, taker = [product for product in shop.before.values()
                    if (stores.ITEM_BASE + product.id, 5001) in expected
                    and product.type == "product" and expected[stores.ITEM_BASE + product.id, 5001]
                    ][:2]
    connection.execute("UPDATE public.product_product SET default_code = 'GONE-1' WHERE id = %s",
                       (donor.id,))
    connection.execute("UPDATE public.product_product SET default_code = %s WHERE id = %s",
                       (donor.sku, taker.id))
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1"
                       " WHERE product_id = %s", (taker.id,))
    pipeline.wait_settled()
    stock = record.latest(record.decode_all(pipeline.records()))[taker.id]
    assert stock.sku == donor.sku
    wanted = store.wanted("Berlin", stock.warehouses, pipeline.codes)
    assert pipeline.simulator.levels(store.name)[
        stores.ITEM_BASE + donor.id, 5001]["available"] == wanted


def test_kcat_shows_key_and_headers(producer_only):
    pipeline = producer_only
    pipeline.producer.start()
    pipeline.command("producer", "backfill", "--product", 3)
    pipeline.wait_published()
    done = subprocess.run(
        ["kcat", "-b", pipeline.kafka.bootstrap, "-t", pipeline.topic, "-C", "-e", "-q", "-f",
         "%k|%h|%S\n"], capture_output=True, check=True, timeout=30)
    key, headers, size = done.stdout.splitlines()[0].split(b"|")[:3]
    assert key == b"3"
    named = dict(header.split(b"=", 1) for header in headers.split(b","))
    stock, = record.decode_all(pipeline.records())
    assert int(named[b"revision"]) == stock.revision
    assert named[b"cause"] == b"backfill"
    assert int(size) > 10


def test_history_prints_a_product_as_json(producer_only, connection):
    pipeline = producer_only
    pipeline.producer.start()
    pipeline.command("producer", "backfill", "--product", 1)
    pipeline.wait_published()
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 7 WHERE id ="
                       " (SELECT min(id) FROM public.stock_quant WHERE product_id = 1)")
    pipeline.wait_published()
    lines = pipeline.command("consumer", "history", "--product", 1).out.splitlines()
    printed = [json.loads(line) for line in lines]
    stocks = [stock for stock in record.decode_all(pipeline.records()) if stock.product_id == 1]
    assert len(printed) == len(stocks) == 2
    for shown, stock in zip(printed, stocks):
        content = shown.get("record", shown)
        assert content["revision"] == stock.revision
        assert content["sku"] == stock.sku
        assert [(one["warehouse_id"], one["on_hand"], one["free"])
                for one in content["warehouses"]] == [
            (number, one.on_hand, one.free) for number, one in stock.warehouses.items()]


@pytest.mark.parametrize("number", [0, -1, 2 ** 62, 2 ** 63 - 1])
def test_mark_with_an_id_of_its_writer_is_published_once(producer_only, connection, number):
    """Every role may leave a mark, with any id."""
    producer_only.producer.start()
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (id, product_id) VALUES (%s, 2)", (number,))
    producer_only.wait_published()
    assert producer_only.marks() == 0
    assert [record.key for record in producer_only.records()] == [b"2"]
    assert producer_only.producer.metric("stocksync_producer_records_total") == 1
