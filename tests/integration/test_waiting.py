"""Deferred products do not hold up fresh changes, and no record is older than one before it.

A deferred chunk is held after its read by a fault point, so that everything else happens in between.
"""

import time

import pytest

from lab import checks, odoo, programs, record, wait

SLOW, OTHER, THIRD = 1, 3, 4    # products: one whose chunk is slow, two that no deferred chunk has
HELD_MS = 2000
FRESH = 12                      # chunks; more than may be in flight
IN_SECOND_CHUNK = 600           # no product: a deferred chunk in a calm has 500

READ_CHUNKS = ("SELECT count(*) FROM pg_stat_activity WHERE application_name ="
          " 'stocksync-producer deferred' AND state = 'idle' AND query = 'COMMIT'")


@pytest.fixture(autouse=True)
def faults_are_compiled_in():
    with open(programs.binary("producer"), "rb") as file:
        if b"deferred.after_read" not in file.read():
            pytest.skip("this build has no fault points: configure with STOCKSYNC_FAULTS=ON")


@pytest.fixture
def slow(producer_only, connection):
    """The producer runs; SLOW is read, as backfill, and not published for some seconds."""
    pipeline = producer_only
    pipeline.producer.env = {"STOCKSYNC_FAULT": f"deferred.after_read:delay={HELD_MS}:1"}
    pipeline.producer.start()
    pipeline.command("producer", "backfill", "--product", SLOW)
    wait.until(lambda: connection.execute(READ_CHUNKS).fetchone()[0] == 1, "the chunk is read")
    return pipeline


def revisions(stocks, product):
    """Of the product's records, in order: what was published earlier has the lower one."""
    return [stock.revision for stock in stocks if stock.product_id == product]


def totals(stocks, product):
    """On hand in all warehouses, of the product's records in order."""
    return [sum(one.on_hand for one in stock.warehouses.values()) for stock in stocks
            if stock.product_id == product]


def change(connection, product):
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id ="
                       " (SELECT min(id) FROM public.stock_quant WHERE product_id = %s)",
                       (product,))


def end(pipeline):
    """All is published, in order, without a failure; the records."""
    pipeline.wait_published()
    stocks = record.decode_all(pipeline.records())
    checks.expect(checks.revisions_rise(stocks), "revisions")
    assert pipeline.producer.metric("stocksync_producer_failures_total") == 0
    return stocks


def test_fresh_change_is_published_while_a_deferred_chunk_is_read(slow, connection):
    change(connection, OTHER)
    stocks = end(slow)
    other, = revisions(stocks, OTHER)
    waited, = revisions(stocks, SLOW)
    assert other < waited


def test_change_of_a_product_of_the_deferred_chunk_comes_after_it(slow, connection):
    change(connection, SLOW)
    change(connection, OTHER)
    stocks = end(slow)
    older, newer = [stock for stock in stocks if stock.product_id == SLOW]
    assert (older.cause, newer.cause) == ("backfill", "stock")
    before, after = totals(stocks, SLOW)
    assert after == before + 1
    other, = revisions(stocks, OTHER)
    assert other < older.revision


def test_change_of_structure_waits_for_a_deferred_chunk_that_explodes(slow, connection):
    """Of two writers of stocksync.kit one would be refused."""
    connection.execute("UPDATE public.product_product SET barcode = 'LATER' WHERE id = %s",
                       (OTHER,))
    change(connection, THIRD)
    stocks = end(slow)
    third, = revisions(stocks, THIRD)
    waited, = revisions(stocks, SLOW)
    other, = revisions(stocks, OTHER)
    assert third < waited < other


def test_many_changes_of_a_deferred_chunk_do_not_keep_others_waiting(producer_only, connection):
    """More than can be postponed at a time: they follow their chunk, and later ones too, while the next is read."""
    pipeline = producer_only
    pipeline.producer.env = {"STOCKSYNC_FAULT": f"deferred.after_read:delay={HELD_MS}:1,"
                                                f"deferred.after_read:delay={5 * HELD_MS}:2"}
    pipeline.producer.start()
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id, cause)"
                       f" SELECT n, 4 FROM generate_series(1, {2 * IN_SECOND_CHUNK}) n")
    wait.until(lambda: connection.execute(READ_CHUNKS).fetchone()[0] == 1, "the first chunk is read")
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id)"
                       f" SELECT {SLOW} FROM generate_series(1, 6000)")

    def stocks():
        return record.decode_all(pipeline.records())

    wait.until(lambda: revisions(stocks(), OTHER), "the first chunk is published")
    change(connection, OTHER)
    wait.until(lambda: len(revisions(stocks(), OTHER)) == 2, "the change is published")
    assert not revisions(stocks(), IN_SECOND_CHUNK)
    assert len(revisions(end(pipeline), SLOW)) == 2


def test_stop_waits_for_the_deferred_chunk_and_leaves_its_marks(slow, connection):
    assert slow.producer.stop() == 0
    assert slow.marks() == 1
    slow.producer.env = None
    slow.producer.start()
    assert len(revisions(end(slow), SLOW)) == 1


@pytest.mark.parametrize("killed", [False, True])
def test_broker_goes_away_while_chunks_are_in_flight(slow, connection, killed):
    """More chunks than may be in flight, the deferred one among them: all arrive in order, with the last number."""
    slow.kafka.pause()
    try:
        for _ in range(FRESH):
            change(connection, OTHER)
            time.sleep(0.05)    # each in another fresh chunk
        if killed:
            slow.producer.kill()
    finally:
        slow.kafka.start()
    if killed:
        slow.producer.env = None
        slow.producer.start(seconds=60)
    slow.wait_published()
    stocks = record.decode_all(slow.records())
    assert revisions(stocks, SLOW)
    newest = totals(stocks, OTHER)[-1]
    change(connection, OTHER)
    slow.wait_published()
    stocks = record.decode_all(slow.records())
    checks.expect(checks.revisions_rise(stocks), "revisions")
    assert totals(stocks, OTHER)[-1] == newest + 1
