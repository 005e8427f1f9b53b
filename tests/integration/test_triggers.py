"""Odoo's own transactions with our triggers in place: none fails that did not fail before."""

from lab import odoo


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
