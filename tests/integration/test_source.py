"""What the producer must notice by itself: takeovers, lost triggers, warehouses without stock."""

import json
import time

import pytest

from conftest import outlet
from lab import checks, record, wait

AHEAD_S = 1.5       # a takeover costs a second
TAKEOVERS = 30
LATE_US = 3600 * 10**6

RESERVED = "SELECT revision_ceiling FROM stocksync.owner"


def newest(pipeline):
    return max(stock.revision for stock in record.decode_all(pipeline.records()))


def status_of(pipeline):
    return json.loads(pipeline.producer.http("/status")[1])


def raise_stock(connection, product=1):
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id ="
                       " (SELECT min(id) FROM public.stock_quant WHERE product_id = %s)",
                       (product,))


def test_takeovers_keep_revisions_close_to_the_clock(producer_only, connection):
    """A crash loop under load: each process publishes at once and is killed."""
    for _ in range(TAKEOVERS):
        raise_stock(connection)
        raise_stock(connection, 3)
        producer_only.producer.start()
        raise_stock(connection)
        producer_only.producer.kill()
        reserved = connection.execute(RESERVED).fetchone()[0]
        assert reserved / 1e6 - time.time() < AHEAD_S
    producer_only.producer.start()
    producer_only.wait_published()
    assert newest(producer_only) / 1e6 - time.time() < AHEAD_S
    checks.expect(checks.revisions_rise(record.decode_all(producer_only.records())), "revisions")
    # Idle: nothing is stored.
    before = connection.execute(RESERVED).fetchone()[0]
    written = "SELECT xmin FROM stocksync.owner"
    row = connection.execute(written).fetchone()
    wait.until(lambda: time.time() * 1e6 > before + 2 * 10**6, "the reserved revisions are past")
    assert connection.execute(written).fetchone() == row


def test_a_clock_that_was_set_back_is_shown_and_lowers_nothing(producer_only, connection):
    """Nor does another installation, which knows nothing of the former one."""
    connection.execute("UPDATE stocksync.owner SET revision_ceiling = %s",
                       (int(time.time() * 1e6) + LATE_US,))
    producer_only.producer.start()
    for _ in range(3):
        raise_stock(connection)
        producer_only.wait_published()
    wait.until(lambda: status_of(producer_only)["revision_ahead_seconds"] > 3500, "it is shown")
    assert producer_only.producer.metric("stocksync_producer_revision_ahead_seconds") > 3500
    assert "event=revision_ahead" in producer_only.producer.text()
    assert producer_only.producer.is_ready()
    assert producer_only.producer.stop() == 0
    late = newest(producer_only)
    producer_only.command("producer", "uninstall", "--purge")
    producer_only.install()
    producer_only.producer.start()
    producer_only.backfill()
    producer_only.wait_published()
    stocks = record.decode_all(producer_only.records())
    assert max(stock.revision for stock in stocks) > late
    checks.expect(checks.revisions_rise(stocks), "revisions")


OTHER_BODY = """CREATE OR REPLACE FUNCTION stocksync.mark_quant() RETURNS trigger LANGUAGE plpgsql
AS 'BEGIN RETURN NULL; END'"""

LOSSES = {
    "disabled": ("ALTER TABLE public.stock_quant DISABLE TRIGGER USER",
                 "trigger stocksync_mark_update on stock_quant"),
    "altered": (OTHER_BODY + ";DROP TRIGGER stocksync_mark_update ON public.stock_quant",
                "stocksync.mark_quant"),
}


@pytest.mark.parametrize("name", LOSSES)
def test_lost_triggers_are_named_and_a_full_pass_follows(make_pipeline, database, connection, name):
    """With the full pass off, every product is published again instead."""
    loss, named = LOSSES[name]
    every = {"disabled": "24h", "altered": "0s"}[name]
    pipeline = make_pipeline(database, options={"producer": {"full_pass_every": every}})
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    assert pipeline.producer.metric("stocksync_producer_triggers") == 1
    connection.execute(loss)
    raise_stock(connection)
    wait.until(lambda: named in status_of(pipeline)["triggers"], "the loss is named", seconds=60)
    code, body = pipeline.producer.http("/readyz")
    assert code == 503 and "triggers" in body
    assert pipeline.producer.metric("stocksync_producer_triggers") == 0
    assert "event=triggers_missing" in pipeline.producer.text()
    # What is marked is published as before.
    connection.execute("UPDATE public.product_product SET default_code = 'OTHER' WHERE id = 3")
    pipeline.wait_published()
    assert record.latest(record.decode_all(pipeline.records()))[3].sku == "OTHER"
    assert status_of(pipeline)["publishing"]
    pipeline.install()
    pipeline.producer.wait_ready(seconds=60)
    wait.until(lambda: "mod=full_pass event=finished" in pipeline.producer.text(), "a full pass",
               seconds=60)
    pipeline.wait_published()
    checks.expect(checks.topic_equals_database(record.decode_all(pipeline.records()), connection),
                  "the topic")


NEW_WAREHOUSE = """
DO $$
DECLARE
    view integer := (SELECT max(id) + 1 FROM public.stock_location);
    columns text := (SELECT string_agg(quote_ident(column_name), ', ')
                     FROM information_schema.columns WHERE table_name = 'stock_warehouse'
                     AND column_name NOT IN ('id', 'name', 'code', 'view_location_id',
                                             'lot_stock_id'));
BEGIN
    INSERT INTO public.stock_location (id, name, usage, location_id, company_id, active, parent_path)
    VALUES (view, 'OS', 'view', 1, 1, true, '1/' || view || '/'),
           (view + 1, 'Stock', 'internal', view, 1, true, '1/' || view || '/' || view + 1 || '/');
    EXECUTE format('INSERT INTO public.stock_warehouse (id, name, code, view_location_id,'
                   ' lot_stock_id, %1$s) SELECT (SELECT max(id) + 1 FROM public.stock_warehouse),'
                   ' ''Oslo'', ''OS'', %2$s, %2$s + 1, %1$s FROM public.stock_warehouse'
                   ' WHERE code = ''SO''', columns, view);
END
$$"""


def known(connection):
    return {code: (active, company) for code, active, company in connection.execute(
        "SELECT code, active, company FROM stocksync.warehouse")}


def test_warehouses_and_companies_are_learned_without_stock(make_pipeline, database, connection,
                                                            number):
    """Created, renamed, archived. A store that names one heals when it appears."""
    pipeline = make_pipeline(database, outlet(
        number, locations={"Berlin": ["WH", "NO"], "Munich": ["SO", "OS"]})).open_shops()
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    pipeline.consumer.start(ready=False)

    def store():
        stores = json.loads(pipeline.consumer.http("/status")[1] or "{}").get("stores")
        return stores[0] if stores else {"state": None}
    wait.until(lambda: store()["state"] == "misconfigured", store)
    assert "'OS' does not exist" in store()["why"]
    connection.execute(NEW_WAREHOUSE)
    connection.execute("UPDATE public.res_company SET name = 'Main Co GmbH' WHERE id = 1")
    wait.until(lambda: known(connection).get("OS") == (True, "Main Co GmbH"),
               lambda: known(connection), seconds=10)
    wait.until(lambda: store()["state"] == "running", store, seconds=70)
    # Renamed while the store runs: it goes on, and says so.
    connection.execute("UPDATE public.stock_warehouse SET code = 'OX' WHERE code = 'OS'")
    wait.until(lambda: "'OS' does not exist" in store().get("options_outdated", ""), store)
    assert pipeline.consumer.metric("stocksync_store_options_outdated") == 1
    raise_stock(connection)
    pipeline.wait_settled()
    assert store()["state"] == "running"
    connection.execute("UPDATE public.stock_warehouse SET code = 'OS' WHERE code = 'OX'")
    wait.until(lambda: "options_outdated" not in store(), store)
    connection.execute("UPDATE public.stock_warehouse SET active = false WHERE code = 'OS'")
    wait.until(lambda: known(connection).get("OS") == (False, "Main Co GmbH"),
               lambda: known(connection), seconds=10)
