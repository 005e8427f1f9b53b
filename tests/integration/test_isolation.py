"""Bad levels in full requests: every neighbour is written at once, and finding the bad ones costs a bounded
number of mutations, whether Shopify names them or not."""

import math

import pytest

from lab import stores, wait
from lab.pipeline import Pipeline

DATABASE = "shop_isolation"
LOCATION = 5001
COUNT = 250             # levels, all in one request
FIRST = 900000          # product ids, and with another base their quants and templates
CODE = "NON_MUTABLE_INVENTORY_ITEM"

# Plain products with one quant each where the warehouse WH keeps its stock.
PRODUCTS = f"""
SET session_replication_role = replica;
INSERT INTO public.product_template
       (id, name, detailed_type, type, categ_id, uom_id, uom_po_id, active, default_code, tracking,
        purchase_line_warn, sale_line_warn, sale_ok, purchase_ok)
SELECT {FIRST} + n, 'Product ' || n, 'product', 'product',
       (SELECT min(id) FROM public.product_category), 1, 1, true, 'ISO-' || n, 'none',
       'no-message', 'no-message', true, true FROM generate_series(1, {COUNT}) n;
INSERT INTO public.product_product
       (id, product_tmpl_id, default_code, active, combination_indices, shopify_product)
SELECT {FIRST} + n, {FIRST} + n, 'ISO-' || n, true, '', true FROM generate_series(1, {COUNT}) n;
INSERT INTO public.stock_quant
       (id, product_id, company_id, location_id, quantity, reserved_quantity, in_date)
SELECT {FIRST} + n, {FIRST} + n, 1,
       (SELECT lot_stock_id FROM public.stock_warehouse WHERE code = 'WH'), 50, 0, now()
  FROM generate_series(1, {COUNT}) n;
"""

SPREAD = [17, 18, 101, 199, 250]    # two side by side, the last one


class Shelf:
    """A running pipeline with one store and COUNT products of one location."""

    def __init__(self, pipeline):
        self.pipeline, self.store = pipeline, pipeline.stores[0]
        self.simulator, self.consumer = pipeline.simulator, pipeline.consumer
        self.number = 100

    def levels(self):
        found = self.simulator.levels(self.store.name)
        return {number: found[stores.ITEM_BASE + FIRST + number, LOCATION]["available"]
                for number in range(1, COUNT + 1)}

    def wait_settled(self):
        self.pipeline.wait_settled(seconds=180)

    def change_all(self):
        """Other numbers everywhere while the consumer looks away, so that all go out together."""
        self.number += 10
        self.consumer.pause()
        self.pipeline.connection.execute(
            "UPDATE stock_quant SET quantity = %s WHERE id > %s AND id <= %s",
            (self.number, FIRST, FIRST + COUNT))
        wait.until(lambda: self.pipeline.marks() == 0, "everything is in the topic", seconds=60,
                   alive=self.pipeline.producer.alive)
        self.consumer.resume()

    def parked(self):
        """{number: (reason, code, request id)}"""
        return {item - stores.ITEM_BASE - FIRST: tuple(row)
                for item, *row in self.pipeline.connection.execute(
                    "SELECT item, reason, code, request_id FROM stocksync.parked WHERE store = %s"
                    " AND product_id > %s", (self.store.name, FIRST)).fetchall()}

    def outcomes(self, since):
        return [outcome for outcome, in self.pipeline.connection.execute(
            "SELECT outcome FROM stocksync.attempt WHERE store = %s AND sent_at > %s"
            " ORDER BY sent_at", (self.store.name, since)).fetchall()]

    def now(self):
        return self.pipeline.connection.execute("SELECT clock_timestamp()").fetchone()[0]


@pytest.fixture(scope="module")
def shelf(postgres, kafka, simulator, template):
    postgres.create_database(DATABASE, template)
    with postgres.connect(DATABASE) as connection:
        connection.execute(PRODUCTS)
    store = stores.Store(name="isolation", locations={"Berlin": ["WH"]})
    pipeline = Pipeline(postgres, kafka, simulator, DATABASE, "stock.isolation", [store],
                        {"topic": {"partitions": 1}, f"store.{store.name}": {"unimported_sale_grace": "0s"},
                         # all of a round in one batch: a paused consumer has half a batch otherwise
                         "kafka": {"linger.ms": 500}})
    try:
        pipeline.open_shops("plus")
        pipeline.install()
        pipeline.start()
        pipeline.backfill()
        pipeline.wait_settled()
        yield Shelf(pipeline)
    finally:
        pipeline.close()
        postgres.drop_database(DATABASE)


@pytest.fixture(autouse=True)
def healthy(request, shelf):
    request.node.pipelines = [shelf.pipeline]
    yield
    shelf.simulator.heal(shelf.store.name)


def items_of(mutation):
    return frozenset(entry["item"] for entry in mutation["entries"])


def roots_of(journal):
    """The requests that no refusal led to; every other one must hold part of one that was refused."""
    roots, refused, seen = [], [], set()
    for mutation in journal:
        items = items_of(mutation)
        if items & seen:
            assert any(items < one for one in refused), "a part was sent together with others"
        else:
            roots.append(items)
        seen |= items
        if mutation["outcome"] == "refused":
            refused.append(items)
    return roots


def expect_isolated(shelf, journal, bad, wanted):
    levels, parked = shelf.levels(), shelf.parked()
    assert set(parked) == set(bad)
    for reason, code, request_id in parked.values():
        assert (reason, code) == ("refused", CODE)
        assert request_id in {one["requestId"] for one in journal}
    for number, level in levels.items():
        assert (level == wanted) == (number not in bad), f"{number}: {level}"
    keys = [one["key"] for one in journal]
    assert len(set(keys)) == len(keys), "a refused key was used again"
    applied = [one["at_us"] for one in journal if one["outcome"] == "applied"]
    return (max(applied) - journal[0]["at_us"]) / 1e6 if applied else 0


def search(shelf, bad, naming, **more):
    """Changes all while these are bad; what was sent, and how long until the last neighbour was written."""
    mark, since = len(shelf.simulator.journal(shelf.store.name)), shelf.now()
    items = [stores.ITEM_BASE + FIRST + number for number in bad]
    shelf.simulator.fault(shelf.store.name, "user_error", operation="StockSet", code=CODE,
                          items=items, naming=naming, message="a reason", **more)
    shelf.change_all()
    shelf.wait_settled()
    journal = shelf.simulator.journal(shelf.store.name, after=mark)
    seconds = expect_isolated(shelf, journal, bad, shelf.number)
    outcomes = shelf.outcomes(since)
    assert len(outcomes) == len(journal)
    assert set(outcomes) == {one["outcome"] for one in journal}
    return journal, seconds


def cure(shelf):
    """The bad ones are good again: the next number is written everywhere and nothing stays parked."""
    shelf.simulator.heal(shelf.store.name)
    shelf.change_all()
    shelf.wait_settled()
    assert set(shelf.levels().values()) == {shelf.number}
    assert shelf.parked() == {}


def test_named_levels_leave_and_the_rest_goes_out_at_once(shelf):
    """One mutation more."""
    journal, seconds = search(shelf, SPREAD, "text")
    roots = roots_of(journal)
    assert [len(one) for one in roots] == [COUNT]
    assert len(journal) == 2
    assert seconds < 1
    cure(shelf)


def test_levels_that_nobody_names_are_found_by_halves(shelf):
    """k bad ones: at most 2 k log2 n mutations more."""
    journal, seconds = search(shelf, SPREAD, "nobody")
    roots = roots_of(journal)
    assert [len(one) for one in roots] == [COUNT]
    assert len(journal) - 1 <= 2 * len(SPREAD) * math.ceil(math.log2(COUNT))
    assert seconds < 1
    assert shelf.consumer.metric("stocksync_store_bisected_total") > 0
    cure(shelf)


def test_changes_of_others_do_not_wait_for_the_search(shelf):
    """While halves go out, other levels change: they travel on their own and are written as well."""
    mark = len(shelf.simulator.journal(shelf.store.name))
    bad = SPREAD
    shelf.simulator.fault(shelf.store.name, "slow_execution", operation="StockSet", delayMs=60)
    shelf.simulator.fault(shelf.store.name, "user_error", operation="StockSet", code=CODE,
                          items=[stores.ITEM_BASE + FIRST + number for number in bad],
                          naming="nobody", message="a reason")
    shelf.change_all()
    wait.until(lambda: len(shelf.simulator.journal(shelf.store.name)) > mark + 4,
               "the search is under way", alive=shelf.pipeline.alive)
    others = [number for number in range(1, COUNT + 1) if number not in bad and number % 3 == 0]
    shelf.pipeline.connection.execute(
        "UPDATE stock_quant SET quantity = quantity + 1 WHERE id = ANY (%s)",
        ([FIRST + number for number in others],))
    shelf.wait_settled()
    levels, parked = shelf.levels(), shelf.parked()
    for number, level in levels.items():
        if number not in bad:
            assert level == shelf.number + (number in others), number
    assert set(parked) == set(bad)
    cure(shelf)


def test_process_that_dies_in_the_middle_of_a_search(shelf):
    """The next one takes over what was sent, and searches what is left."""
    bad = SPREAD
    mark = len(shelf.simulator.journal(shelf.store.name))
    shelf.simulator.fault(shelf.store.name, "slow_execution", operation="StockSet", delayMs=100)
    shelf.simulator.fault(shelf.store.name, "user_error", operation="StockSet", code=CODE,
                          items=[stores.ITEM_BASE + FIRST + number for number in bad],
                          naming="nobody", message="a reason")
    shelf.change_all()
    wait.until(lambda: len(shelf.simulator.journal(shelf.store.name)) > mark + 6,
               "the search is under way", alive=shelf.pipeline.alive)
    shelf.consumer.kill()
    shelf.consumer.start()
    shelf.wait_settled()
    assert set(shelf.parked()) == set(bad)
    assert {number for number, level in shelf.levels().items()
            if level != shelf.number} == set(bad)
    cure(shelf)
