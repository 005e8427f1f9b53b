"""Products on the command line: by id and by SKU, repeated, shared, unknown."""

import json

import pytest

from conftest import outlet
from lab import kafka as kafka_module, programs


@pytest.fixture
def pipeline(make_pipeline, database, number):
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    pipeline.install()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline


@pytest.fixture
def shared(connection):
    """(SKU, its products): several products have it."""
    return connection.execute(
        "SELECT default_code, array_agg(id ORDER BY id) FROM public.product_product WHERE active"
        " GROUP BY default_code HAVING count(*) > 1 AND default_code <> '' ORDER BY 1 LIMIT 1").fetchone()


@pytest.fixture
def single(connection):
    """(SKU, product): nothing else has it."""
    return connection.execute(
        "SELECT default_code, min(id) FROM public.product_product WHERE active GROUP BY default_code"
        " HAVING count(*) = 1 AND default_code <> '' ORDER BY 1 LIMIT 1").fetchone()


def refused(program, pipeline, *arguments):
    result = programs.command(program, pipeline.config, *arguments)
    assert result.code == programs.EXIT_USAGE, result.text
    return result.text


def products_of(lines, *path):
    found = []
    for line in lines.splitlines():
        value = json.loads(line)
        for key in path:
            value = value[key]
        found.append(value)
    return found


def test_the_producers_commands_take_skus(pipeline, single, shared):
    sku, product = single
    result = pipeline.command("producer", "stock", "--sku", sku)
    assert products_of(result.out, "record", "product_id") == [product]
    assert result.err == ""
    result = pipeline.command("producer", "stock", "--sku", shared[0], "--sku", sku, "--product", product)
    assert products_of(result.out, "record", "product_id") == sorted({product, *shared[1]})
    assert f"SKU {shared[0]}: products {', '.join(map(str, shared[1]))}" in result.err

    before = kafka_module.last_offsets(pipeline.records())
    result = pipeline.command("producer", "backfill", "--sku", shared[0], "--sku", sku)
    assert f"{1 + len(shared[1])} products marked" in result.err
    pipeline.wait_published()
    new = [int(found.key) for found in pipeline.records()
           if found.offset > before[found.partition] and found.headers["cause"] == b"backfill"]
    assert sorted(new) == sorted([product, *shared[1]])

    for command in ("stock", "backfill"):
        text = refused("producer", pipeline, command, "--sku", sku, "--sku", "nobody's")
        assert "no product with the SKU 'nobody's'" in text and "--product ID" in text
        assert "no product 999999" in refused("producer", pipeline, command, "--product", 999999)
        assert "--all, or name products" in refused("producer", pipeline, command)
        assert "--all, or name products" in refused("producer", pipeline, command, "--all", "--sku", sku)
        assert "--product x" in refused("producer", pipeline, command, "--product", "x")
    assert pipeline.marks() == 0   # an unknown name marks nothing


def test_history_takes_skus(pipeline, single, shared):
    sku, product = single
    one = pipeline.command("consumer", "history", "--product", product)
    assert products_of(one.out, "record", "product_id") == [product]
    assert pipeline.command("consumer", "history", "--sku", sku).out == one.out
    many = pipeline.command("consumer", "history", "--sku", shared[0], "--product", product, "--sku", sku)
    assert sorted(products_of(many.out, "record", "product_id")) == sorted([product, *shared[1]])
    assert f"SKU {shared[0]}: products {', '.join(map(str, shared[1]))}" in many.err
    limited = pipeline.command("consumer", "history", "--sku", shared[0], "--product", product, "--limit", 1)
    assert len(limited.out.splitlines()) == 1

    text = refused("consumer", pipeline, "history", "--sku", "nobody's")
    assert "no store knows the SKU 'nobody's'" in text and "stocksync-producer stock" in text
    text = refused("consumer", pipeline, "history", "--product", product, "--product", 999999)
    assert "no record of product 999999" in text and "stocksync-producer stock" in text
    assert "--all" in refused("consumer", pipeline, "history")
    assert "--all" in refused("consumer", pipeline, "history", "--all", "--product", product)


def test_parked_takes_skus(pipeline):
    store = pipeline.stores[0].name
    shared = pipeline.connection.execute(
        "SELECT m.match, array_agg(m.product_id ORDER BY 1) FROM stocksync.product m JOIN stocksync.parked p"
        " USING (store, product_id) WHERE p.reason = 'sku_shared_in_odoo' GROUP BY m.match ORDER BY 1"
        " LIMIT 1").fetchone()
    assert len(shared[1]) == 2
    result = pipeline.command("consumer", "parked", "list", "--json", "--sku", shared[0])
    assert sorted(products_of(result.out, "product")) == shared[1]
    assert f"SKU {shared[0]}: products" in result.err
    assert pipeline.command("consumer", "parked", "list", "--json", "--product", shared[1][0], "--product",
                            shared[1][1]).out.count("\n") == 2
    text = refused("consumer", pipeline, "parked", "list", "--store", store, "--sku", "nobody's")
    assert f"store '{store}' does not know the SKU 'nobody's'" in text
    assert "no store knows product 999999" in refused("consumer", pipeline, "parked", "drop", "--product", 999999)
