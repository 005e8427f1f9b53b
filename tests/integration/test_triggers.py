"""Odoo's own transactions with our triggers in place: none fails that did not fail before."""

import pytest

from lab import checks, odoo, record


def test_tape_replays_with_triggers(producer_only, connection, shop):
    outcomes = odoo.replay(connection, shop.tape)
    assert [outcome for outcome in outcomes if outcome.error] == []
    assert producer_only.marks() > 0


def test_tape_replays_while_the_producer_reads(producer_only, connection, shop):
    producer_only.producer.start()
    outcomes = odoo.replay(connection, shop.tape)
    assert [outcome for outcome in outcomes if outcome.error] == []
    producer_only.wait_published()
    assert producer_only.producer.stop() == 0


def test_mark_commits_with_the_change_only(producer_only, connection):
    before = producer_only.marks()
    connection.execute("BEGIN")
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    connection.execute("ROLLBACK")
    assert producer_only.marks() == before
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    assert producer_only.marks() == before + 1


def test_write_that_changes_no_number_leaves_no_mark(producer_only, connection):
    before = producer_only.marks()
    connection.execute("UPDATE public.stock_quant SET write_date = now(), user_id = 1")
    assert producer_only.marks() == before


def test_two_transactions_on_one_product_do_not_meet(producer_only, postgres):
    """Both in Odoo's isolation level, both changing quants of one product, both open at once."""
    with postgres.connect(producer_only.dbname) as one, \
            postgres.connect(producer_only.dbname) as two:
        product, first, second = one.execute(
            "SELECT product_id, min(id), max(id) FROM public.stock_quant"
            " GROUP BY product_id HAVING count(*) > 1 ORDER BY product_id LIMIT 1").fetchone()
        for session, quant in ((one, first), (two, second)):
            session.execute("SET lock_timeout = '2s'")
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            session.execute("SELECT 1 FROM public.stock_quant LIMIT 1")
        for session, quant in ((one, first), (two, second)):
            session.execute("UPDATE public.stock_quant SET quantity = quantity + 1"
                            " WHERE id = %s", (quant,))
        one.execute("COMMIT")
        two.execute("COMMIT")
        marks = one.execute(f"SELECT count(*) FROM public.{odoo.QUANT_MARKS}"
                            " WHERE product_id = %s", (product,)).fetchone()[0]
    assert marks == 2


# Changes of Odoo 18's final location of an open move: {plain} has none yet, {final} has one.
FINAL_LOCATIONS = {
    "set": ("plain", "UPDATE public.stock_move SET location_final_id = 9801 WHERE id = {plain}"),
    "cleared": ("final", "UPDATE public.stock_move SET location_final_id = NULL WHERE id = {final}"),
    "moved": ("final", "UPDATE public.stock_location SET parent_path = '9802/' WHERE id = 9802"),
    "unmapped": ("final", "UPDATE public.stock_warehouse SET active = false WHERE id = {warehouse}"),
}


@pytest.mark.parametrize("name", FINAL_LOCATIONS)
def test_final_location_of_a_move_leaves_a_mark(make_pipeline, database, connection, name):
    which, statement = FINAL_LOCATIONS[name]
    connection.execute("ALTER TABLE public.stock_move ADD location_final_id integer")
    pipeline = make_pipeline(database, options={"odoo": {"forecast": "on"}})
    pipeline.install()
    warehouse, = connection.execute("SELECT min(id) FROM public.stock_warehouse").fetchone()
    connection.execute(
        "INSERT INTO public.stock_location (id, name, usage, parent_path) VALUES"
        " (9801, 'view', 'view', '9801/'), (9802, 'final', 'internal', '9801/9802/')")
    connection.execute("UPDATE public.stock_warehouse SET view_location_id = 9801 WHERE id = %s",
                       (warehouse,))
    open_moves = connection.execute(
        "SELECT id, product_id FROM public.stock_move WHERE state IN ('assigned', 'confirmed')"
        " ORDER BY id LIMIT 2").fetchall()
    moves = dict(zip(("plain", "final"), open_moves))
    connection.execute("UPDATE public.stock_move SET location_final_id = 9802 WHERE id = %s",
                       (moves["final"][0],))
    connection.execute(f"DELETE FROM public.{odoo.MARKS}")
    connection.execute(statement.format(plain=moves["plain"][0], final=moves["final"][0],
                                        warehouse=warehouse))
    assert connection.execute(f"SELECT DISTINCT product_id FROM public.{odoo.MARKS}").fetchall() == [
        (moves[which][1],)]


# Tables that are emptied at once, and the cause of the marks.
TRUNCATED = {"stock_quant": 0, "stock_move": 0, "mrp_bom_line": 2, "mrp_bom": 2}


@pytest.mark.parametrize("table", TRUNCATED)
def test_truncated_table_marks_every_product(make_pipeline, database, connection, table):
    pipeline = make_pipeline(database, options={"odoo": {"forecast": "on"}})
    pipeline.install()
    connection.execute(f"TRUNCATE public.{table} CASCADE")
    products = connection.execute("SELECT id FROM public.product_product ORDER BY 1").fetchall()
    assert products and connection.execute(
        f"SELECT DISTINCT product_id FROM public.{odoo.MARKS} WHERE cause = %s ORDER BY 1",
        (TRUNCATED[table],)).fetchall() == products


def test_truncated_quants_are_published(producer_only, connection):
    producer_only.producer.start()
    producer_only.backfill()
    producer_only.wait_published()
    connection.execute("TRUNCATE public.stock_quant")
    producer_only.wait_published()
    checks.expect(checks.topic_equals_database(record.decode_all(producer_only.records()),
                                               connection), "topic and database")
