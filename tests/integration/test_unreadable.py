"""A product whose rows cannot be read stops no other one: it is parked with the reason, until it is published again."""

import json

import pytest

from lab import checks, programs, record, wait

# Beyond what a double holds; the column is numeric.
HUGE = "1" + "0" * 400
INTERNAL = "l.usage = 'internal'"


@pytest.fixture
def running(make_pipeline, database):
    pipeline = make_pipeline(database)
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    return pipeline


def quants(connection, count):
    """(quant, product) of plain products that are part of no kit."""
    return connection.execute(
        f"SELECT DISTINCT ON (q.product_id) q.id, q.product_id FROM stock_quant q"
        f" JOIN stock_location l ON l.id = q.location_id WHERE {INTERNAL} AND NOT EXISTS"
        f" (SELECT FROM stocksync.kit_component c WHERE c.component_id = q.product_id)"
        f" AND NOT EXISTS (SELECT FROM stocksync.kit k WHERE k.kit_id = q.product_id)"
        f" ORDER BY q.product_id LIMIT %s", (count,)).fetchall()


def component(connection):
    """(quant, product, kits) of a component with a kit that has a number."""
    return connection.execute(
        f"SELECT min(q.id), q.product_id, array_agg(DISTINCT c.kit_id) FROM stock_quant q"
        f" JOIN stock_location l ON l.id = q.location_id"
        f" JOIN stocksync.kit_component c ON c.component_id = q.product_id AND c.need > 0"
        f" JOIN stocksync.kit k ON k.kit_id = c.kit_id AND k.problem IS NULL"
        f" WHERE {INTERNAL} GROUP BY 2 ORDER BY count(DISTINCT c.kit_id), 2 LIMIT 1").fetchone()


def set_quantity(connection, quant, value):
    connection.execute("UPDATE stock_quant SET quantity = %s::numeric WHERE id = %s", (value, quant))


def parked(connection):
    """{product: (reason, detail, attempts)}"""
    rows = connection.execute("SELECT product_id, reason, detail, attempts FROM stocksync.parked_product")
    return {row[0]: row[1:] for row in rows.fetchall()}


def wait_parked(pipeline, products):
    wait.until(lambda: sorted(parked(pipeline.connection)) == sorted(products),
               lambda: f"parked are {parked(pipeline.connection)}, not {products}")
    wait.until(lambda: pipeline.producer.metric("stocksync_producer_parked_products") == len(products),
               "the gauge equals the table")


def on_hand(pipeline, product):
    newest = record.latest(record.decode_all(pipeline.records()))[product]
    return sum(one.on_hand for one in newest.warehouses.values())


def listed(pipeline, *arguments):
    out = pipeline.command("producer", "parked", "--json", *arguments).out
    return {line["product_id"]: line for line in map(json.loads, out.splitlines())}


def test_unreadable_product_is_parked_and_its_neighbours_are_published(running, connection):
    (broken, bad), (nan, unreal), (fine, good) = quants(connection, 3)
    kits = component(connection)
    with connection.transaction():
        set_quantity(connection, broken, HUGE)
        set_quantity(connection, nan, "NaN")
        set_quantity(connection, kits[0], HUGE)
        set_quantity(connection, fine, 4711)
        connection.execute("INSERT INTO stock_availability_dirty_shopify (product_id) SELECT unnest(%s::int[])",
                           (kits[2],))
    everyone = [bad, unreal, kits[1], *kits[2]]
    wait_parked(running, everyone)
    running.wait_published()
    assert on_hand(running, good) >= 4711
    rows = parked(connection)
    assert {row[0] for row in rows.values()} == {"unreadable"}
    assert "out of range" in rows[bad][1] and "no finite number" in rows[unreal][1]
    assert all(f"component {kits[1]}: " in rows[kit][1] for kit in kits[2])
    assert running.producer.metric("stocksync_producer_failures_total") == 0
    assert running.producer.metric("stocksync_producer_publishing") == 1

    lines = listed(running)
    assert sorted(lines) == sorted(everyone)
    sku, = connection.execute("SELECT COALESCE(default_code, '') FROM product_product WHERE id = %s", (bad,)).fetchone()
    assert lines[bad]["sku"] == sku and lines[bad]["next"] > lines[bad]["last"]
    assert sorted(listed(running, "--product", bad, "--product", good)) == [bad]
    assert f"{len(everyone)}: see" in running.command("producer", "status").out
    assert "products are parked" in running.command("producer", "check").out
    stock = programs.command("producer", running.config, "stock", "--product", str(bad), "--product", str(good))
    assert stock.code == 69 and f"product {bad} cannot be read" in stock.text and f'"product_id":{good}' in stock.text

    # A neighbour's record un-parks nobody, nor does another change that is unreadable too.
    with connection.transaction():
        set_quantity(connection, broken, HUGE + "0")
        set_quantity(connection, fine, 4712)
    wait.until(lambda: parked(connection)[bad][2] == 2, "it was tried again")
    running.wait_published()
    assert sorted(parked(connection)) == sorted(everyone)

    # Mended without a mark: tried again by hand, or by the next start.
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for quant in (broken, nan, kits[0]):
            set_quantity(connection, quant, 5)
    assert "1 parked products marked" in running.command("producer", "parked", "--retry", "--product", bad).out
    wait_parked(running, everyone[1:])
    running.producer.stop()
    running.producer.start()
    wait_parked(running, [])
    running.wait_published()
    assert "no product is parked" in running.command("producer", "parked").out
    checks.expect(checks.topic_equals_database(record.decode_all(running.records()), connection), "topic")


def test_fault_of_many_products_parks_none(running, connection):
    rows = quants(connection, 60)
    with connection.transaction():
        for quant, _ in rows:
            set_quantity(connection, quant, HUGE)
    assert "products cannot be read" in running.producer.wait_state("waiting")["why"]
    assert parked(connection) == {}
    with connection.transaction():
        for quant, _ in rows:
            set_quantity(connection, quant, 5)
    running.wait_published()
    assert parked(connection) == {}


def bill(connection):
    """(line, kit) of a plain kit, and another one; both have a number and share no component."""
    rows = connection.execute(
        "SELECT min(l.id), k.kit_id FROM stocksync.kit k JOIN mrp_bom_line l ON l.bom_id = k.bom_id"
        " WHERE k.problem IS NULL AND NOT EXISTS (SELECT FROM stocksync.kit_component c WHERE"
        " c.component_id = k.kit_id) GROUP BY 2 HAVING count(*) = 1 ORDER BY 2 LIMIT 2").fetchall()
    return rows


def mark_bill(connection, *kits):
    connection.execute("INSERT INTO stock_availability_dirty_shopify (product_id, cause) SELECT unnest(%s::int[]), 2",
                       (list(kits),))


def problem(connection, kit):
    return connection.execute("SELECT problem FROM stocksync.kit WHERE kit_id = %s", (kit,)).fetchone()[0]


def test_broken_bill_stops_no_other_product(running, connection):
    (line, kit), (_, other) = bill(connection)
    (quant, good), = quants(connection, 1)

    def published(number):
        """All is published: the neighbour has its number, and the kit a record without numbers."""
        set_quantity(connection, quant, number)
        running.wait_published()
        stocks = record.latest(record.decode_all(running.records()))
        assert on_hand(running, good) >= number and stocks[other].warehouses
        return stocks[kit].warehouses

    whole, = connection.execute("SELECT product_qty FROM mrp_bom_line WHERE id = %s", (line,)).fetchone()
    for value in (HUGE, "NaN", "1e-300", "0"):
        connection.execute("UPDATE mrp_bom_line SET product_qty = %s::numeric WHERE id = %s", (value, line))
        mark_bill(connection, other)
        numbers = published(7000)
        assert (problem(connection, kit) or "").startswith("too_large") == (value in (HUGE, "NaN"))
        assert not numbers if value in (HUGE, "NaN") else numbers
    connection.execute("UPDATE mrp_bom_line SET product_qty = %s WHERE id = %s", (whole, line))

    # A damaged row, as far as SQL can make one: reading it raises.
    columns = ", ".join(name for name, in connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = 'mrp_bom_line'::regclass AND attnum > 0 AND NOT attisdropped"
        " AND attname <> 'product_qty' ORDER BY attnum"))
    with connection.transaction():
        connection.execute("ALTER TABLE mrp_bom_line RENAME TO whole_line")
        connection.execute(f"CREATE VIEW mrp_bom_line AS SELECT {columns}, product_qty / abs(sign(id - {line}))"
                           f" AS product_qty FROM whole_line")
        connection.execute("GRANT SELECT ON mrp_bom_line TO PUBLIC")
    mark_bill(connection, kit, other)
    assert not published(7001)
    assert problem(connection, kit) == f"unreadable at product {kit}"
    with connection.transaction():
        connection.execute("DROP VIEW mrp_bom_line")
        connection.execute("ALTER TABLE whole_line RENAME TO mrp_bom_line")
    mark_bill(connection, kit, other)
    assert published(7002)
    assert problem(connection, kit) is None and parked(connection) == {}
    assert running.producer.metric("stocksync_producer_failures_total") == 0
    checks.expect(checks.topic_equals_database(record.decode_all(running.records()), connection), "topic")
