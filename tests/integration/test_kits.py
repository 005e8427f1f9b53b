"""Kits: their numbers are Odoo's own at every moment, their structure follows every change."""

import json
import random

import psycopg
import pytest

from lab import checks, odoo, programs, record, wait

FIELDS = {"on_hand": "qty_available", "free": "free_qty", "incoming": "incoming_qty",
          "outgoing": "outgoing_qty", "forecast": "virtual_available"}
# Oracle's kind: arguments of `stock`, and which of the line's keys names the group.
KINDS = {"warehouse": (("--group", "warehouse"), "warehouse_id"),
         "lot_stock": (("--scope", "lot_stock"), "warehouse_id"),
         "company": (("--group", "company"), "company_id"),
         "all": (("--group", "all"), None)}


@pytest.fixture
def numbers(make_pipeline, database):
    """Installed, forecast on, the producer runs."""
    pipeline = make_pipeline(database, options={"odoo": {"forecast": "on"}})
    pipeline.install()
    pipeline.producer.start()
    return pipeline


def stock_of(pipeline, *arguments):
    """{product id: printed line} of `stocksync-producer stock`."""
    out = pipeline.command("producer", "stock", *(arguments or ("--all",))).out
    lines = [json.loads(line) for line in out.splitlines()]
    return {line["record"]["product_id"]: line for line in lines}


def compare(pipeline, lines):
    """Every oracle line against `stock`, all fields, all groups; what differs."""
    differences, compared = [], 0
    for kind, (arguments, key) in KINDS.items():
        wanted = [line for line in lines if line.get("kind") == kind]
        if not wanted:
            continue
        have = stock_of(pipeline, "--all", *arguments)
        for line in wanted:
            compared += 1
            group = line[key] if key else 0
            where = f"product {line['product_id']}, {kind} {group}"
            ours = have.get(line["product_id"])
            if ours is None:
                differences.append((line["product_id"], f"{where}: no such product"))
                continue
            if ours["record"]["is_kit"] != line["is_kit"]:
                differences.append((line["product_id"], f"{where}: kit {line['is_kit']} in Odoo"))
            values = {one["warehouse_id"]: one for one in ours["record"]["warehouses"]}.get(group)
            for name, theirs in FIELDS.items():
                if values is None or not checks.equal(values[name], float(line[theirs])):
                    differences.append((line["product_id"], f"{where}: {name} "
                                        f"{values and values[name]}, Odoo has {line[theirs]}"))
    for line in lines:
        if line.get("deleted") and line["product_id"] in stock_of(pipeline):
            differences.append((line["product_id"], "deleted in Odoo"))
    assert compared > 0
    return differences


def expect_equal(pipeline, lines, title):
    checks.expect([text for _, text in compare(pipeline, lines)], title)


def test_every_line_of_the_oracle_before_at_each_step_and_after(numbers, shop):
    numbers.wait_published()
    expect_equal(numbers, shop.lines("oracle_before"), "before")
    steps = {}
    for line in shop.lines("oracle_steps"):
        steps.setdefault(line["after_tx"], []).append(line)
    done = 0
    for step in sorted(steps):
        outcomes = numbers.replay([one for one in shop.tape if done < one.number <= step])
        assert [outcome for outcome in outcomes if outcome.error] == []
        done = step
        numbers.wait_published()
        expect_equal(numbers, steps[step], f"after transaction {step}")
    assert done == 200
    expect_equal(numbers, shop.lines("oracle_after"), "after")


# Structure: what is kept step by step is what a fresh look finds.

TABLE = """
SELECT k.kit_id, k.kind, k.bom_id, k.problem, c.component_id, c.need, c.yield, c.own
  FROM stocksync.kit k LEFT JOIN stocksync.kit_component c USING (kit_id)
 ORDER BY k.kit_id, c.component_id
"""


def kit_table(pipeline):
    return pipeline.connection.execute(TABLE).fetchall()


def expect_fresh(pipeline, what):
    """The kept table equals one that is made anew."""
    pipeline.wait_published()
    kept = kit_table(pipeline)
    assert pipeline.producer.stop() == 0
    pipeline.connection.execute("DELETE FROM stocksync.kit; DELETE FROM stocksync.kit_component;"
                                "UPDATE stocksync.kit_table SET filled_at = NULL")
    pipeline.producer.start()
    pipeline.wait_published()
    fresh = kit_table(pipeline)
    assert fresh
    checks.expect([f"kept {row}" for row in sorted(set(kept) - set(fresh), key=str)]
                  + [f"fresh {row}" for row in sorted(set(fresh) - set(kept), key=str)], what)


def run(connection, *statements):
    """One of Odoo's transactions."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    for statement in statements:
        connection.execute(statement)
    connection.execute("COMMIT")


def change_structure(connection, chance):
    """One random change of what kits are made of; its text."""
    def pick(sql):
        row = connection.execute(f"{sql} ORDER BY md5(({chance.random()})::text || id) LIMIT 1"
                                 ).fetchone()
        return row[0]
    bom = pick("SELECT id FROM public.mrp_bom")
    line = pick("SELECT id FROM public.mrp_bom_line")
    product = pick("SELECT id FROM public.product_product")
    kit = pick("SELECT id FROM public.product_product WHERE product_tmpl_id IN"
               " (SELECT product_tmpl_id FROM public.mrp_bom WHERE type = 'phantom')")
    value = pick("SELECT id FROM public.product_template_attribute_value")
    amount = chance.choice((0, 0.125, 0.5, 1, 2, 3))
    changes = [
        f"UPDATE public.mrp_bom SET active = NOT active IS TRUE WHERE id = {bom}",
        f"UPDATE public.mrp_bom SET type = CASE type WHEN 'phantom' THEN 'normal' ELSE 'phantom' END"
        f" WHERE id = {bom}",
        f"UPDATE public.mrp_bom SET product_qty = {amount or 1} WHERE id = {bom}",
        f"UPDATE public.mrp_bom SET sequence = {chance.randrange(5)} WHERE id = {bom}",
        f"UPDATE public.mrp_bom SET company_id = {chance.choice(('NULL', 1, 2))} WHERE id = {bom}",
        f"UPDATE public.mrp_bom_line SET product_qty = {amount} WHERE id = {line}",
        f"UPDATE public.mrp_bom_line SET product_id = {product} WHERE id = {line}",
        f"UPDATE public.mrp_bom_line SET product_id = {kit} WHERE id = {line}",
        # a line of a kit within another kit names that other one
        "UPDATE public.mrp_bom_line SET product_id = c.kit_id FROM stocksync.kit_component c"
        " JOIN stocksync.kit k ON k.kit_id = c.component_id WHERE c.need IS NULL AND"
        f" mrp_bom_line.id = (SELECT min(l.id) FROM public.mrp_bom_line l WHERE l.bom_id = k.bom_id)"
        f" AND c.kit_id % 7 = {chance.randrange(7)}",
        f"DELETE FROM public.mrp_bom_line_product_template_attribute_value_rel"
        f" WHERE mrp_bom_line_id = {line}",
        f"INSERT INTO public.mrp_bom_line_product_template_attribute_value_rel"
        f" VALUES ({line}, {value}) ON CONFLICT DO NOTHING",
        f"UPDATE public.product_template SET type = CASE type WHEN 'product' THEN 'consu' ELSE"
        f" 'product' END WHERE id = (SELECT product_tmpl_id FROM public.product_product"
        f" WHERE id = {product})",
        f"UPDATE public.product_template SET uom_id = 1 + uom_id % 2 WHERE id ="
        f" (SELECT product_tmpl_id FROM public.product_product WHERE id = {product})",
        f"UPDATE public.product_template SET priority = CASE WHEN priority IS NULL THEN '0' END"
        f" WHERE id = (SELECT product_tmpl_id FROM public.product_product WHERE id = {kit})",
        f"DELETE FROM public.mrp_bom_line WHERE id = {line}",
        "UPDATE public.uom_uom SET factor = factor * 2 WHERE id = 2",
        "UPDATE public.product_template_attribute_line SET value_count = 3 - value_count"
        f" WHERE value_count IN (1, 2) AND id = (SELECT attribute_line_id FROM"
        f" public.product_template_attribute_value WHERE id = {value})",
    ]
    change = chance.choice(changes)
    run(connection, change)
    return change


def test_what_is_kept_equals_a_fresh_look_after_300_random_changes(numbers, connection):
    """Cycles come up too: lines are pointed at kits at random."""
    chance = random.Random(15)
    done = []
    while len(done) < 300:
        try:
            done.append(change_structure(connection, chance))
        except psycopg.errors.IntegrityError:
            connection.execute("ROLLBACK")
    expect_fresh(numbers, "after: " + "; ".join(done[-5:]))
    problems = {row[0].split(" at ")[0] for row in numbers.connection.execute(
        "SELECT DISTINCT problem FROM stocksync.kit WHERE problem IS NOT NULL")}
    assert "cycle" in problems


def test_a_change_deep_below_reaches_the_kits_above(numbers, connection):
    """A sub-kit's line changes: the kits that contain it are published, in one go, without a mark
    on any of their own rows."""
    numbers.wait_published()
    lower, upper, line = connection.execute("""
        SELECT s.kit_id, u.kit_id, l.id
          FROM stocksync.kit s
          JOIN stocksync.kit_component u ON u.component_id = s.kit_id AND u.need IS NULL
          JOIN public.mrp_bom_line l ON l.bom_id = s.bom_id
          JOIN stocksync.kit_component c ON c.kit_id = s.kit_id AND c.component_id = l.product_id
                                         AND c.need > 0
          JOIN stocksync.kit k ON k.kit_id = u.kit_id AND k.problem IS NULL
         ORDER BY l.id LIMIT 1""").fetchone()
    before = connection.execute("SELECT component_id, need FROM stocksync.kit_component WHERE"
                                " kit_id = %s ORDER BY 1", (upper,)).fetchall()
    run(connection, f"UPDATE public.mrp_bom_line SET product_qty = product_qty + 1 WHERE id = {line}")
    numbers.wait_published()
    after = connection.execute("SELECT component_id, need FROM stocksync.kit_component WHERE"
                               " kit_id = %s ORDER BY 1", (upper,)).fetchall()
    assert before != after
    causes = {stock.product_id: stock.cause for stock in record.decode_all(numbers.records())}
    assert (causes[lower], causes[upper]) == ("bom", "parent")


# Broken data: a defined result or a named problem, never a stop of the tail.

def kit_with_lines(connection):
    """(kit, bom, line) of a kit with at least two lines, on a template of one variant."""
    return connection.execute("""
        SELECT k.kit_id, k.bom_id, min(l.id) FROM stocksync.kit k
          JOIN public.mrp_bom_line l ON l.bom_id = k.bom_id
          JOIN stocksync.kit_component c ON c.kit_id = k.kit_id AND c.component_id = l.product_id
                                         AND c.need > 0
          JOIN public.mrp_bom b ON b.id = k.bom_id AND b.product_qty = 1
         WHERE k.problem IS NULL
           AND NOT EXISTS (SELECT FROM stocksync.kit_component u WHERE u.component_id = k.kit_id)
         GROUP BY k.kit_id, k.bom_id HAVING count(*) > 1 ORDER BY k.kit_id LIMIT 1""").fetchone()


BREAKS = {
    "cycle": ("UPDATE public.mrp_bom_line SET product_id = {kit} WHERE id = {line}", "cycle"),
    "zero factor": ("ALTER TABLE public.uom_uom DROP CONSTRAINT uom_uom_factor_gt_zero;"
                    "ALTER TABLE public.uom_uom DROP CONSTRAINT uom_uom_factor_reference_is_one;"
                    "INSERT INTO public.uom_uom (id, name, category_id, factor, rounding, active,"
                    " uom_type) VALUES (990, 'Broken', 1, 0, 0.01, true, 'bigger');"
                    "UPDATE public.mrp_bom_line SET product_uom_id = 990 WHERE id = {line}",
                    "uom_factor"),
    "batch of nothing": ("ALTER TABLE public.mrp_bom DROP CONSTRAINT mrp_bom_qty_positive;"
                         "UPDATE public.mrp_bom SET product_qty = 0 WHERE id = {bom}", "batch"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_broken_kit_has_a_named_problem_and_heals(numbers, connection, name):
    statement, problem = BREAKS[name]
    numbers.wait_published()
    kit, bom, line = kit_with_lines(connection)
    kept = connection.execute("SELECT product_id, product_uom_id FROM public.mrp_bom_line WHERE"
                              " id = %s", (line,)).fetchone()
    run(connection, statement.format(kit=kit, bom=bom, line=line))
    numbers.wait_published()
    assert connection.execute("SELECT problem FROM stocksync.kit WHERE kit_id = %s",
                              (kit,)).fetchone()[0].startswith(f"{problem} at product ")
    latest = record.latest(record.decode_all(numbers.records()))[kit]
    assert latest.is_kit and latest.warehouses == {}
    assert f"event=kit_without_number product={kit} reason={problem}" in numbers.producer.text()
    assert stock_of(numbers, "--product", kit)[kit]["made_of"]["problem"].startswith(problem)
    run(connection, f"UPDATE public.mrp_bom_line SET product_id = {kept[0]}, product_uom_id ="
        f" {kept[1]} WHERE id = {line}", f"UPDATE public.mrp_bom SET product_qty = 1 WHERE id = {bom}")
    numbers.wait_published()
    assert record.latest(record.decode_all(numbers.records()))[kit].warehouses
    numbers.alive()


def test_kit_without_usable_lines_is_zero(numbers, connection):
    numbers.wait_published()
    kit, bom, _ = kit_with_lines(connection)
    run(connection, f"UPDATE public.mrp_bom_line SET product_qty = 0 WHERE bom_id = {bom}")
    numbers.wait_published()
    latest = record.latest(record.decode_all(numbers.records()))[kit]
    assert latest.is_kit
    assert {(one.on_hand, one.free, one.forecast) for one in latest.warehouses.values()} == {(0, 0, 0)}


def test_quant_without_a_quantity_counts_nothing(numbers, connection):
    numbers.wait_published()
    kit, _, line = kit_with_lines(connection)
    component, = connection.execute("SELECT product_id FROM public.mrp_bom_line WHERE id = %s",
                                    (line,)).fetchone()
    connection.execute("UPDATE public.stock_quant SET quantity = NULL, reserved_quantity = 0"
                       " WHERE product_id = %s", (component,))
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id) VALUES (%s)", (kit,))
    numbers.wait_published()
    latest = record.latest(record.decode_all(numbers.records()))
    assert {one.on_hand for one in latest[component].warehouses.values()} == {0}
    assert {one.on_hand for one in latest[kit].warehouses.values()} == {0}


def test_product_without_a_template_is_published_with_nothing(numbers, connection):
    """Only possible past every constraint; the tail goes on, and the kits that name it do too."""
    numbers.wait_published()
    kit, _, line = kit_with_lines(connection)
    component, = connection.execute("SELECT product_id FROM public.mrp_bom_line WHERE id = %s",
                                    (line,)).fetchone()
    connection.execute("SET session_replication_role = replica")
    connection.execute("DELETE FROM public.product_template WHERE id = (SELECT product_tmpl_id FROM"
                       " public.product_product WHERE id = %s)", (component,))
    connection.execute("SET session_replication_role = origin")
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id, cause) VALUES (%s, 2)",
                       (component,))
    numbers.wait_published()
    latest = record.latest(record.decode_all(numbers.records()))
    assert not latest[component].gone and not latest[component].active
    assert latest[kit].is_kit and latest[kit].warehouses
    numbers.alive()


def on_hand(pipeline, product):
    latest = record.latest(record.decode_all(pipeline.records()))[product]
    return {number: one.on_hand for number, one in sorted(latest.warehouses.items())}


def test_archived_sub_kit_beside_another_line_counts_by_its_own_quants(numbers, connection):
    """Odoo does not open it. Archiving it changes the kits that contain it, and back."""
    kit, sub_kit, warehouse = 384, 382, 1
    numbers.backfill()
    numbers.wait_published()
    assert set(on_hand(numbers, kit).values()) == {0}
    assert on_hand(numbers, sub_kit)[warehouse] == 15
    location, = connection.execute("SELECT lot_stock_id FROM public.stock_warehouse WHERE id = %s",
                                   (warehouse,)).fetchone()
    connection.execute("INSERT INTO public.stock_quant (id, product_id, location_id, quantity,"
                       " reserved_quantity, in_date) VALUES (990001, %s, %s, 3, 0, now())",
                       (sub_kit, location))
    need, = connection.execute("SELECT l.product_qty FROM public.mrp_bom_line l JOIN public.mrp_bom b"
                               " ON b.id = l.bom_id JOIN public.product_product p ON"
                               " p.product_tmpl_id = b.product_tmpl_id WHERE p.id = %s AND"
                               " l.product_id = %s", (kit, sub_kit)).fetchone()
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id) VALUES (%s)", (kit,))
    numbers.wait_published()
    assert on_hand(numbers, kit)[warehouse] == 3 // int(need) > 0
    assert on_hand(numbers, sub_kit)[warehouse] == 15
    run(connection, f"UPDATE public.product_product SET active = true WHERE id = {sub_kit}")
    numbers.wait_published()
    assert on_hand(numbers, kit)[warehouse] > 3
    run(connection, f"UPDATE public.product_product SET active = false WHERE id = {sub_kit}")
    numbers.wait_published()
    assert on_hand(numbers, kit)[warehouse] == 3 // int(need)


# Modules and versions

def without_mrp(connection):
    connection.execute("DROP TABLE public.mrp_bom_line_product_template_attribute_value_rel,"
                       " public.mrp_bom_line, public.mrp_bom CASCADE")


def test_works_without_mrp_and_says_so(make_pipeline, database, connection, shop):
    without_mrp(connection)
    pipeline = make_pipeline(database)
    pipeline.install()
    pipeline.backfill()
    pipeline.producer.start()
    pipeline.wait_published()
    latest = record.latest(record.decode_all(pipeline.records()))
    assert len(latest) == len(shop.before)
    assert not any(stock.is_kit for stock in latest.values())
    assert 'kits="no, the module mrp is not installed"' in pipeline.producer.text()
    pipeline.command("producer", "check")


def test_mrp_that_comes_later_needs_install_once_more(make_pipeline, database, postgres, shop):
    """run refuses with the next step until the triggers are there; then every bill is read."""
    pipeline = make_pipeline(database)
    with postgres.connect(database) as connection:
        connection.execute("ALTER TABLE public.mrp_bom RENAME TO mrp_bom_later")
        pipeline.install()
        pipeline.producer.start()
        pipeline.wait_published()
        assert pipeline.producer.stop() == 0
        connection.execute("ALTER TABLE public.mrp_bom_later RENAME TO mrp_bom")
    pipeline.producer.start(ready=False)
    why = pipeline.producer.wait_state("waiting")["why"]
    assert "stocksync-producer install" in why and "mrp_bom" in why
    pipeline.install()
    pipeline.producer.wait_ready()
    pipeline.backfill()
    pipeline.wait_published()
    stocks = record.decode_all(pipeline.records())
    checks.expect(checks.topic_equals_oracle(stocks, shop.before), "after install")


@pytest.mark.parametrize("version, words", [
    ("14.0.1.3", "15.0 is served"), ("19.0.1.3", "15.0 is served"), ("unknown", "15.0 is served")])
def test_other_versions_are_refused(make_pipeline, database, connection, version, words):
    connection.execute("UPDATE public.ir_module_module SET latest_version = %s WHERE name = 'base'",
                       (version,))
    pipeline = make_pipeline(database)
    refused = programs.command("producer", pipeline.config, "install")
    assert refused.code == programs.EXIT_CONFIG
    assert version in refused.text and words in refused.text


# The column of a move line that holds its reservation; in 15 it is product_qty.
RESERVED = {"16.0.1.3": "reserved_qty", "17.0.1.3": "quantity_product_uom",
            "18.0.1.3": "quantity_product_uom"}


@pytest.mark.parametrize("version", RESERVED)
def test_later_versions_run_and_say_that_they_are_not_proven(make_pipeline, database, connection,
                                                            version):
    connection.execute("UPDATE public.ir_module_module SET latest_version = %s WHERE name = 'base'",
                       (version,))
    connection.execute("ALTER TABLE public.stock_move_line RENAME COLUMN product_qty TO "
                       + RESERVED[version])
    pipeline = make_pipeline(database, options={"odoo": {"forecast": "on"}})
    if version.startswith("18"):
        refused = programs.command("producer", pipeline.config, "install")
        assert refused.code == programs.EXIT_CONFIG
        assert "column product_template.is_storable" in refused.text
        connection.execute("ALTER TABLE public.product_template ADD is_storable boolean;"
                           "UPDATE public.product_template SET is_storable = type = 'product';"
                           "UPDATE public.product_template SET type = 'consu' WHERE is_storable;"
                           "ALTER TABLE public.product_template DROP COLUMN priority,"
                           " ADD is_favorite boolean;"
                           "ALTER TABLE public.stock_move ADD location_final_id integer")
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    assert "event=odoo_not_proven" in pipeline.producer.text()
    kits = [stock for stock in record.decode_all(pipeline.records()) if stock.is_kit]
    assert any(one.on_hand > 0 for kit in kits for one in kit.warehouses.values())


# Commingled products: the other kind of parent

def test_commingled_product_is_the_sum_of_its_children(make_pipeline, database, connection):
    connection.execute("CREATE TABLE public.product_commingled (id serial PRIMARY KEY,"
                       " parent_product_id integer, product_id integer, sequence integer)")
    pipeline = make_pipeline(database)
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    latest = record.latest(record.decode_all(pipeline.records()))
    plain = [number for number, stock in sorted(latest.items()) if not stock.is_kit]
    kit = next(number for number, stock in sorted(latest.items()) if stock.is_kit and any(
        one.on_hand > 0 for one in stock.warehouses.values()))
    parent, first, second = plain[0], plain[1], plain[2]
    run(connection, "INSERT INTO public.product_commingled (parent_product_id, product_id) VALUES"
        f" ({parent}, {first}), ({parent}, {second}), ({parent}, {kit})")
    pipeline.wait_published()
    latest = record.latest(record.decode_all(pipeline.records()))
    assert not latest[parent].is_kit
    for number, one in latest[parent].warehouses.items():
        assert one.on_hand == sum(latest[child].warehouses[number].on_hand
                                  for child in (first, second, kit))
    assert {row[0] for row in connection.execute(
        "SELECT component_id FROM stocksync.kit_component WHERE kit_id = %s AND need = 1",
        (parent,))} == {first, second, kit}
    run(connection, f"DELETE FROM public.product_commingled WHERE product_id IN ({second}, {kit})")
    pipeline.wait_published()
    latest = record.latest(record.decode_all(pipeline.records()))
    assert {number: one.on_hand for number, one in latest[parent].warehouses.items()} == {
        number: one.on_hand for number, one in latest[first].warehouses.items()}


# The full pass

@pytest.fixture
def passing(make_pipeline, database):
    """A full pass every two seconds."""
    pipeline = make_pipeline(database, options={"producer": {"full_pass_every": "2s"}})
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    return pipeline


def passes(pipeline):
    return pipeline.producer.text().count("mod=full_pass event=finished")


def wait_pass(pipeline, more=2):
    """A pass that began after now is through, and what it marked is published."""
    wanted = passes(pipeline) + more
    wait.until(lambda: passes(pipeline) >= wanted, lambda: f"{wanted} passes", seconds=60,
               alive=pipeline.producer.alive)
    pipeline.wait_published()


def test_full_pass_finds_what_no_trigger_saw_and_nothing_else(passing, connection):
    wait_pass(passing)
    quiet = {one.where for one in passing.records()}
    wait_pass(passing)
    assert {one.where for one in passing.records()} == quiet
    _, bom, line = kit_with_lines(connection)
    kits = {row[0] for row in connection.execute("SELECT kit_id FROM stocksync.kit WHERE bom_id = %s",
                                                 (bom,))}
    gone, = connection.execute(
        "SELECT p.id FROM public.product_product p WHERE NOT EXISTS (SELECT FROM public.stock_move m"
        " WHERE m.product_id = p.id) AND NOT EXISTS (SELECT FROM public.stock_quant q WHERE"
        " q.product_id = p.id) AND NOT EXISTS (SELECT FROM public.mrp_bom_line l WHERE l.product_id ="
        " p.id) AND NOT EXISTS (SELECT FROM public.mrp_bom b WHERE b.product_id = p.id)"
        " ORDER BY p.id LIMIT 1").fetchone()
    quant, product = connection.execute(
        "SELECT q.id, q.product_id FROM public.stock_quant q JOIN public.stock_location l ON l.id ="
        " q.location_id WHERE l.parent_path LIKE (SELECT v.parent_path || '%%' FROM"
        " public.stock_warehouse w JOIN public.stock_location v ON v.id = w.view_location_id WHERE"
        " w.id = 1) AND NOT EXISTS (SELECT FROM stocksync.kit_component c WHERE c.component_id ="
        " q.product_id) ORDER BY q.id LIMIT 1").fetchone()
    connection.execute("SET session_replication_role = replica")
    connection.execute("UPDATE public.stock_quant SET quantity = coalesce(quantity, 0) + 5 WHERE id ="
                       " %s", (quant,))
    connection.execute("UPDATE public.mrp_bom_line SET product_qty = product_qty * 2 + 7 WHERE id ="
                       " %s", (line,))
    connection.execute("DELETE FROM public.product_product WHERE id = %s", (gone,))
    connection.execute("SET session_replication_role = origin")
    wait_pass(passing)
    after = [stock for stock in record.decode_all(passing.records())
             if stock.place.where not in quiet]
    assert product in {stock.product_id for stock in after}
    assert gone in {stock.product_id for stock in after if stock.gone}
    assert {stock.product_id for stock in after} <= {product, gone} | kits
    checks.expect(checks.topic_equals_database(record.decode_all(passing.records()), connection),
                  "topic and database")


def test_full_pass_shows_progress_and_goes_on_after_a_kill(passing):
    status = json.loads(passing.producer.http("/status")[1])["full_pass"]
    assert set(status) == {"running", "started", "finished", "compared", "of", "republished"}
    passing.producer.kill()
    passing.producer.start()
    wait_pass(passing)
    status = passing.command("producer", "status").out
    assert "full pass" in status


def test_without_the_pass_nothing_is_kept_for_it(numbers, connection):
    connection.execute("INSERT INTO stocksync.published VALUES (1, 1)")
    numbers.producer.stop()
    numbers.sections["producer"]["full_pass_every"] = "0s"
    numbers.write_config()
    numbers.producer.start()
    numbers.wait_published()
    assert connection.execute("SELECT count(*) FROM stocksync.published").fetchone()[0] == 0


def test_two_components_of_one_kit_changed_at_once_do_not_meet(numbers, postgres, connection):
    """In Odoo's isolation level, both open at once: no wait, no serialization failure."""
    numbers.wait_published()
    kit, _, _ = kit_with_lines(connection)
    first, second = [row[0] for row in connection.execute(
        "SELECT min(q.id) FROM public.stock_quant q JOIN stocksync.kit_component c ON"
        " c.component_id = q.product_id WHERE c.kit_id = %s AND c.need > 0 GROUP BY q.product_id"
        " ORDER BY 1 LIMIT 2", (kit,))]
    with postgres.connect(numbers.dbname) as one, postgres.connect(numbers.dbname) as two:
        for session in (one, two):
            session.execute("SET lock_timeout = '2s'")
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            session.execute("SELECT 1 FROM public.stock_quant LIMIT 1")
        for session, quant in ((one, first), (two, second)):
            session.execute("UPDATE public.stock_quant SET quantity = coalesce(quantity, 0) + 1"
                            " WHERE id = %s", (quant,))
        one.execute("COMMIT")
        two.execute("COMMIT")
    numbers.wait_published()
