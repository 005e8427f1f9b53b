"""Parked rows: tried again by themselves, listed, tried and dropped by a person, cured."""

import json

import pytest

from conftest import outlet
from lab import programs, stores, wait

SHARED = "sku_shared_in_odoo"
REFUSED = {"operation": "inventorySetQuantities", "code": "INVALID_LOCATION"}


@pytest.fixture
def one(make_pipeline, database, number):
    """One store; both programs run, every product is written, what has no place is parked."""
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline


def rows(pipeline, condition="true"):
    """{subject: (reason, attempts, quantity)}"""
    return {subject: rest for subject, *rest in pipeline.connection.execute(
        "SELECT subject, reason, attempts, quantity FROM stocksync.parked WHERE store = %s AND "
        + condition, (pipeline.stores[0].name,)).fetchall()}


def sold(pipeline, shop, count):
    """Products that the store sells, each with one quant of its own."""
    expected = pipeline.expected(pipeline.stores[0], shop.before)
    quants = dict(pipeline.connection.execute(
        "SELECT q.product_id, min(q.id) FROM stock_quant q"
        " JOIN stock_location l ON l.id = q.location_id"
        " JOIN stock_warehouse w ON w.code = 'WH'"
        " JOIN stock_location v ON v.id = w.view_location_id"
        " WHERE l.usage = 'internal' AND starts_with(l.parent_path, v.parent_path)"
        " AND NOT EXISTS (SELECT FROM mrp_bom_line b WHERE b.product_id = q.product_id)"
        " GROUP BY q.product_id").fetchall())
    found = [number for number in sorted(shop.before)
             if (stores.ITEM_BASE + number, 5001) in expected and number in quants
             and not shop.before[number].is_kit]
    assert len(found) >= count
    return [(number, quants[number]) for number in found[:count]]


def receive(pipeline, quant, units=1000):
    pipeline.connection.execute("UPDATE stock_quant SET quantity = quantity + %s WHERE id = %s",
                                (units, quant))


def rename(pipeline, product, sku):
    pipeline.connection.execute("UPDATE product_product SET default_code = %s WHERE id = %s",
                                (sku, product))


def level(pipeline, product):
    store = pipeline.stores[0]
    return pipeline.simulator.levels(store.name)[stores.ITEM_BASE + product, 5001]["available"]


def said(pipeline, *words):
    """Lines of the consumer's log with all these words."""
    return [line for line in pipeline.consumer.text().splitlines()
            if all(word in line for word in words)]


# A SKU that two products claim


def test_sku_that_becomes_shared_is_parked_for_both_and_written_when_unique(one, shop):
    """What changes meanwhile is written when the SKU is one's again."""
    (joiner, _), (owner, quant) = sold(one, shop, 2)
    subjects = {f"product/{joiner}", f"product/{owner}"}
    rename(one, joiner, shop.before[owner].sku)
    wait.until(lambda: subjects <= set(rows(one, f"reason = '{SHARED}'")), "both are parked",
               alive=one.alive)
    before = level(one, owner)
    receive(one, quant)
    one.wait_settled()
    assert level(one, owner) == before
    assert subjects <= set(rows(one, f"reason = '{SHARED}'"))
    rename(one, joiner, shop.before[joiner].sku)
    wait.until(lambda: level(one, owner) == before + 1000, "the owner is written",
               alive=one.alive)
    wait.until(lambda: not subjects & set(rows(one)), "neither is parked", alive=one.alive)
    assert said(one, "event=fixed", f"product/{owner}")


def test_two_consumers_see_that_a_sku_is_shared(one, shop):
    """They read different partitions, and neither reads both products' records."""
    another = one.another_consumer("run")
    another.start()
    wait.until(lambda: [json.loads(program.http("/status")[1])["stores"][0]["partitions"]
                        for program in (one.consumer, another)] == [2, 2],
               "they share the partitions", seconds=60, alive=one.alive)
    expected = one.expected(one.stores[0], shop.before)
    partition = {int(record.key): record.partition for record in one.records()}
    chosen = {}     # a product of each partition
    for number in sorted(shop.before):
        if (stores.ITEM_BASE + number, 5001) in expected:
            chosen.setdefault(partition[number], number)
    owner, *joiners = chosen.values()
    assert len(joiners) == 3
    for joiner in joiners:
        subjects = {f"product/{joiner}", f"product/{owner}"}
        rename(one, joiner, shop.before[owner].sku)
        wait.until(lambda: subjects <= set(rows(one, f"reason = '{SHARED}'")),
                   f"{subjects} are parked", alive=one.alive)
        rename(one, joiner, shop.before[joiner].sku)
        wait.until(lambda: not subjects & set(rows(one)), f"{subjects} are unique again",
                   alive=one.alive)


# Retries


def test_parked_rows_are_all_tried_at_a_start(one, shop):
    """Also what cannot be decoded: another version may."""
    store = one.stores[0]
    offset = one.kafka.produce(one.topic, b"424242", b"hello", partition=1)
    record = f"record/{one.topic}/1/{offset}"
    wait.until(lambda: record in rows(one), "the record is parked", alive=one.alive)
    assert record in rows(one, "retry_at IS NULL")
    (product, quant), = sold(one, shop, 1)
    level_row = f"level/{stores.ITEM_BASE + product}/5001"
    before = level(one, product)
    one.simulator.fault(store.name, "user_error", **REFUSED)
    receive(one, quant)
    wait.until(lambda: level_row in rows(one), "the level is parked", alive=one.alive)
    one.simulator.heal(store.name)
    one.consumer.stop()
    one.consumer.start()
    wait.until(lambda: level_row not in rows(one), "the level is fixed", alive=one.alive)
    assert level(one, product) == before + 1000
    wait.until(lambda: rows(one, "retry_at IS NULL").get(record, [None, 0])[1] == 2,
               "the record was tried once more", alive=one.alive)


def test_more_rows_than_a_look_takes_are_all_tried(one):
    """5,000 rows that are due, of products that nobody knows."""
    one.connection.execute(
        "INSERT INTO stocksync.parked (store, subject, product_id, partition, reason, detail,"
        " retry_at) SELECT %s, 'product/' || n, n, n %% 4, %s, '', now()"
        " FROM generate_series(1000001, 1005000) n", (one.stores[0].name, SHARED))
    wait.until(lambda: not rows(one, "product_id > 1000000"), "all are settled", seconds=60,
               alive=one.alive)


# The command


def listed(pipeline, *flags):
    return [json.loads(line) for line in pipeline.command(
        "consumer", "parked", "list", "--json", *flags).out.splitlines()]


def test_list_shows_what_is_parked_and_filters(one, shop):
    (first, _), (second, _), (third, _) = sold(one, shop, 3)
    rename(one, first, None)
    rename(one, second, "NOT-IN-SHOPIFY")
    rename(one, third, "NOR-THIS-ÄÖ")
    wait.until(lambda: {f"product/{n}" for n in (first, second, third)} <= set(rows(one)),
               "three are parked", alive=one.alive)
    everything = {row["subject"]: row for row in listed(one)}
    assert set(everything) == set(rows(one))
    row = everything[f"product/{second}"]
    assert (row["store"], row["product"], row["sku"], row["reason"], row["attempts"]) == (
        one.stores[0].name, second, "NOT-IN-SHOPIFY", "unmapped", 1)
    assert row["first_at"] <= row["last_at"] < row["retry_at"]
    assert row["topic"] == one.topic
    assert {r["subject"] for r in listed(one, "--sku", "NOT-IN-SHOPIFY")} == {f"product/{second}"}
    assert {r["subject"] for r in listed(one, "--product", third)} == {f"product/{third}"}
    assert {r["reason"] for r in listed(one, "--reason", "no_sku")} == {"no_sku"}
    assert [r["product"] for r in listed(one, "--subject", f"product/{first}")] == [first]
    unknown = programs.command("consumer", one.config, "parked", "list", "--sku", "nobody's")
    assert unknown.code == programs.EXIT_USAGE and "nobody's" in unknown.text
    plain = one.command("consumer", "parked").out
    lines = plain.splitlines()
    named = one.command("consumer", "parked", "list").out.splitlines()
    assert [line.split()[:1] for line in named] == [line.split()[:1] for line in lines]
    head = lines[1]
    for name, sku in ((second, "NOT-IN-SHOPIFY"), (third, "NOR-THIS-ÄÖ")):
        line, = [text for text in lines if text.startswith(f"product/{name} ")]
        assert line[head.index("sku"):].startswith(sku)
        assert line[head.index("reason"):].startswith("unmapped")
        assert " ago)" in line[head.index("since"):head.index("tried")]
        assert line[head.index("next"):].startswith("in 1")
    total = [text for text in lines if " parked: " in text]
    assert f"{len(everything)} parked: " in total[0] and "2 unmapped" in total[0]


def test_retry_makes_rows_due_for_the_running_consumer(one, shop):
    (product, quant), = sold(one, shop, 1)
    name = one.stores[0].name
    subject = f"level/{stores.ITEM_BASE + product}/5001"
    before = level(one, product)
    one.simulator.fault(name, "user_error", **REFUSED)
    receive(one, quant)
    wait.until(lambda: subject in rows(one), "the level is parked", alive=one.alive)
    one.simulator.heal(name)
    result = one.command("consumer", "parked", "retry", "--product", product)
    assert "will be retried by the running consumer" in result.out
    wait.until(lambda: subject not in rows(one), "the level is fixed", alive=one.alive)
    assert level(one, product) == before + 1000
    assert "no parked row matches" in one.command("consumer", "parked", "retry", "--product", product).out
    for unknown in (["--sku", "nobody's"], ["--product", 999999]):
        result = programs.command("consumer", one.config, "parked", "retry", "--product", product, *unknown)
        assert result.code == programs.EXIT_USAGE
        assert str(unknown[1]) in result.text and "stocksync-producer stock" in result.text


def test_drop_needs_to_know_what_and_a_later_record_brings_it_back(one, shop):
    (first, _), (second, quant) = sold(one, shop, 2)
    rename(one, first, "NOT-IN-SHOPIFY")
    rename(one, second, "NOR-THIS")
    subjects = {f"product/{first}", f"product/{second}"}
    wait.until(lambda: subjects <= set(rows(one)), "two are parked", alive=one.alive)
    for wrong in (["drop"], ["drop", "--store", one.stores[0].name], ["drop", "retry"],
                  ["drop", "--all", "--sku", "NOR-THIS"], ["retry", "--json"], ["--all"],
                  ["list", "--product", "x"], ["dance"], ["list", "--store", "nowhere"]):
        result = programs.command("consumer", one.config, "parked", *wrong)
        assert result.code == programs.EXIT_USAGE, result.text
    assert subjects <= set(rows(one))
    both = one.command("consumer", "parked", "list", "--json", "--sku", "NOR-THIS", "--sku", "NOT-IN-SHOPIFY")
    assert len(both.out.splitlines()) == 2
    result = one.command("consumer", "parked", "drop", "--sku", "NOR-THIS")
    assert f"product/{second} (unmapped)" in result.out and "1 row:" in result.out
    assert f"product/{first}" in rows(one) and f"product/{second}" not in rows(one)
    receive(one, quant)
    wait.until(lambda: f"product/{second}" in rows(one), "a later record parks it again",
               alive=one.alive)
    one.command("consumer", "parked", "drop", "--all")
    assert rows(one) == {}
