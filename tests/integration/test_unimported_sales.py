"""Orders that Shopify knows and Odoo does not yet: nothing is offered that is sold already.

The simulator's journal gives the moments: between two writes a level only falls by what was sold, so the
units sold until a write are known exactly, and what the write leaves must not be more than what is free.
"""

import heapq
import math
import random
import threading
import time

import pytest

from conftest import outlet, wholesale
from lab import programs, record, stores, wait

SELL_SECONDS = 18
UNITS = 1000
IMPORT_SECONDS = 3.0    # at most, from the order in Shopify to its import into Odoo
GRACE_SECONDS = 9       # more than that, and what a loaded machine adds
KILL_GRACE_SECONDS = 15  # also more than a restart takes
STOCK = 500             # of each product, so that none is sold out
PRODUCTS = 15           # of each store


NO_CRASH_POINTS = "this build has no crash points: configure with STOCKSYNC_FAULTS=ON"


def has_crash_points():
    with open(programs.binary("consumer"), "rb") as file:
        return b"lane.seen" in file.read()


class Shelf:
    """Products that lie in one quant in the warehouse WH each: Odoo's side."""

    def __init__(self, pipeline, store, shop, count, leave_out=()):
        self.pipeline = pipeline
        wanted = {item for item, _ in pipeline.expected(store, shop.before)}
        products = [product for product in shop.before.values()
                    if product.type == "product" and not product.is_kit
                    and stores.ITEM_BASE + product.id in wanted and product.id not in leave_out]
        self.quants = dict(pipeline.connection.execute(
            "SELECT DISTINCT ON (q.product_id) q.product_id, q.id FROM stock_quant q"
            " JOIN stock_location l ON l.id = q.location_id"
            " JOIN stock_warehouse w ON w.code = 'WH'"
            " JOIN stock_location v ON v.id = w.view_location_id"
            " WHERE l.usage = 'internal' AND starts_with(l.parent_path, v.parent_path)"
            " AND NOT EXISTS (SELECT FROM mrp_bom_line b WHERE b.product_id = q.product_id)"
            " AND q.product_id = ANY (%s) ORDER BY q.product_id, q.id LIMIT %s",
            ([product.id for product in products], count)).fetchall())
        assert len(self.quants) == count
        self.skus = {product: shop.before[product].sku for product in self.quants}
        pipeline.connection.execute(
            "UPDATE stock_quant SET quantity = %s, reserved_quantity = 0 WHERE id = ANY (%s)",
            (STOCK, list(self.quants.values())))
        self.receipts = []      # (time, product, units)
        self.lock = threading.Lock()

    def receive(self, connection, product, units):
        with self.lock:
            self.receipts.append((time.time(), product, units))
        connection.execute("UPDATE stock_quant SET quantity = quantity + %s WHERE id = %s",
                           (units, self.quants[product]))

    def reserve(self, connection, product, units):
        """An order is imported."""
        connection.execute(
            "UPDATE stock_quant SET reserved_quantity = reserved_quantity + %s WHERE id = %s",
            (units, self.quants[product]))

    def received(self, product, until=float("inf")):
        return sum(units for at, one, units in self.receipts if one == product and at <= until)


class Trade(threading.Thread):
    """Customers of one store, the import of their orders a while later, and receipts in between."""

    def __init__(self, pipeline, store, shelf, seed):
        super().__init__(name=f"trade {store.name}", daemon=True)
        self.pipeline, self.store, self.shelf = pipeline, store, shelf
        self.random = random.Random(seed)
        self.location = min(store.location_ids.values())
        self.first = {}     # {product: number before the trade}
        self.sold = dict.fromkeys(shelf.quants, 0)
        self.error = None

    def run(self):
        try:
            with self.pipeline.postgres.connect(self.pipeline.dbname) as connection:
                self._trade(connection)
        except BaseException as error:  # shown by the test, which waits for us
            self.error = error

    def _trade(self, connection):
        events, sold, begun = [], 0, time.monotonic()
        pause = SELL_SECONDS / UNITS * 2
        heapq.heappush(events, (begun, "sell", 0, 0))
        heapq.heappush(events, (begun, "receive", 0, 0))
        while events:
            at, kind, product, units = heapq.heappop(events)
            time.sleep(max(0.0, at - time.monotonic()))
            if kind == "import":
                self.shelf.reserve(connection, product, units)
                continue
            product = self.random.choice(list(self.shelf.quants))
            if kind == "receive":
                self.shelf.receive(connection, product, self.random.randint(1, 9))
                if sold < UNITS:
                    heapq.heappush(events, (at + self.random.uniform(0, 0.2), "receive", 0, 0))
                continue
            units = min(self.random.randint(1, 3), UNITS - sold)
            self.pipeline.simulator.order(self.store.name, "place", self.shelf.skus[product],
                                          self.location, units)
            sold += units
            self.sold[product] += units
            heapq.heappush(events, (time.monotonic() + self.random.uniform(0, IMPORT_SECONDS),
                                    "import", product, units))
            if sold < UNITS:
                heapq.heappush(events, (at + self.random.uniform(0, 2 * pause), "sell", 0, 0))

    def finish(self):
        self.join(SELL_SECONDS + IMPORT_SECONDS + 60)
        assert not self.is_alive(), "the trade did not end"
        assert self.error is None, self.error
        assert sum(self.sold.values()) == UNITS


def level_of(pipeline, store, product):
    return pipeline.simulator.levels(store.name)[
        stores.ITEM_BASE + product, min(store.location_ids.values())]


def writes_of(journal, item, location):
    """(moment, value found, value left) of every write of a pair."""
    for entry in journal:
        for one in entry["entries"] if entry["outcome"] == "applied" else ():
            if (one["item"], one["location"]) == (item, location):
                yield entry["at_us"] / 1e6, one["before"], one["after"]


def offered_too_much(pipeline, trade, after):
    """Writes that left more than what was free at their moment. `after`: the journal's last entry
    before the trade began."""
    journal = pipeline.simulator.journal(trade.store.name, after=after)
    found, looked = [], 0
    for product in trade.shelf.quants:
        free, held = trade.first[product], trade.first[product]
        for at, before, left in writes_of(journal, stores.ITEM_BASE + product, trade.location):
            looked += 1
            sold = held - before if trade.store.quantity == "available" else 0
            free, held = free - sold, left
            if left > free + trade.shelf.received(product, at):
                found.append((product, at, left, free + trade.shelf.received(product, at)))
    assert looked > 50, f"only {looked} writes"
    return found


@pytest.fixture
def traders(make_pipeline, database, number, shop):
    """A store that sets available and one that sets on_hand, each selling products of its own."""
    one, two = outlet(number, buffer=0), wholesale(number, offer_percent=100, cap=None)
    pipeline = make_pipeline(database, one, two,
                             options={f"store.{one.name}": {"unimported_sale_grace": f"{GRACE_SECONDS}s"}})
    pipeline.open_shops().install()
    first = Shelf(pipeline, one, shop, PRODUCTS)
    second = Shelf(pipeline, two, shop, PRODUCTS, leave_out=first.quants)
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    return pipeline, Trade(pipeline, one, first, number), Trade(pipeline, two, second, number + 1)


RULES = {
    "cap": {"cap": 400},
    "percent": {"offer_percent": 40},
    "second_warehouse": {"locations": {"Berlin": ["WH", "NO", "SO"]}},
}


@pytest.mark.parametrize("rule", RULES)
def test_selling_under_rules_never_offers_sold_units(make_pipeline, database, number, shop, rule):
    """Units are taken off before the rules: what a write leaves is never more than the rules make of the free stock."""
    store = outlet(number, buffer=0, **RULES[rule])
    pipeline = make_pipeline(database, store, options={f"store.{store.name}": {
        "unimported_sale_grace": f"{GRACE_SECONDS}s", "brake_percent": 100, "brake_change_percent": 100}})
    pipeline.open_shops().install()
    shelf = Shelf(pipeline, store, shop, PRODUCTS)
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    trade = Trade(pipeline, store, shelf, number)
    codes = dict(pipeline.connection.execute("SELECT code, id FROM stock_warehouse").fetchall())
    latest = record.latest(record.decode_all(pipeline.records()))
    raw = {product: sum(latest[product].warehouses[codes[code]].free for code in store.locations["Berlin"]
                        if codes[code] in latest[product].warehouses) for product in shelf.quants}

    def rule_of(free):
        number = math.floor(free * store.offer_percent / 100 + 1e-9)
        return max(0, number if store.cap is None else min(number, store.cap))

    first = {product: level_of(pipeline, store, product)["available"] for product in shelf.quants}
    assert first == {product: rule_of(raw[product]) for product in shelf.quants}
    after = len(pipeline.simulator.journal(store.name))
    trade.start()
    trade.finish()
    journal = pipeline.simulator.journal(store.name, after=after)
    for product in shelf.quants:
        sold, held = 0, first[product]
        for at, before, left in writes_of(journal, stores.ITEM_BASE + product, trade.location):
            sold, held = sold + held - before, left
            assert left <= rule_of(raw[product] + shelf.received(product, at) - sold), (product, at)

    def unequal():
        return [(product, have, right) for product in shelf.quants
                for have in [level_of(pipeline, store, product)["available"]]
                for right in [rule_of(raw[product] + shelf.received(product) - trade.sold[product])] if have != right]

    wait.until(lambda: not unequal(), lambda: f"not equal: {unequal()}", seconds=30, alive=pipeline.alive)


def test_selling_during_pushes_never_offers_sold_units(traders):
    pipeline, *trades = traders
    marks = {}
    for trade in trades:
        quantity = trade.store.quantity
        trade.first = {product: level_of(pipeline, trade.store, product)[quantity]
                       for product in trade.shelf.quants}
        marks[trade] = len(pipeline.simulator.journal(trade.store.name))
    for trade in trades:
        trade.start()
    for trade in trades:
        trade.finish()
    for trade in trades:
        assert offered_too_much(pipeline, trade, marks[trade]) == []

    def unequal():
        return [(trade.store.name, product, level["available"], right)
                for trade in trades for product in trade.shelf.quants
                for level in [level_of(pipeline, trade.store, product)]
                for right in [trade.first[product] + trade.shelf.received(product)
                              - trade.sold[product]]
                if level["available"] != right]
    wait.until(lambda: not unequal(), lambda: f"not equal: {unequal()}", seconds=30,
               alive=pipeline.alive)
    pipeline.wait_settled()
    assert unequal() == []
    assert pipeline.consumer.metric("stocksync_store_unimported_units_total") > 0
    wait.until(lambda: pipeline.consumer.metric("stocksync_store_unimported_levels") == 0,
               "levels are in flight for ever", seconds=30)


@pytest.mark.parametrize("point", ["lane.seen:kill:1", "lane.before_settle:kill:2"])
def test_grace_goes_on_after_kill(make_pipeline, database, number, shop, point):
    """Three units are sold, their order is never imported: they come back when the grace is over."""
    store = outlet(number, buffer=0)
    pipeline = make_pipeline(database, store, options={
        f"store.{store.name}": {"unimported_sale_grace": f"{KILL_GRACE_SECONDS}s"}})
    pipeline.open_shops().install()
    shelf = Shelf(pipeline, store, shop, 1)
    product, = shelf.quants
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    start = level_of(pipeline, store, product)["available"]
    location = min(store.location_ids.values())

    def expect(value, seconds=30):
        wait.until(lambda: level_of(pipeline, store, product)["available"] == value,
                   lambda: f"{level_of(pipeline, store, product)}, not {value}", seconds=seconds)

    if not has_crash_points():
        pytest.skip(NO_CRASH_POINTS)
    assert pipeline.consumer.stop() == 0
    pipeline.consumer.env = {"STOCKSYNC_FAULT": point}
    pipeline.consumer.start()
    pipeline.simulator.order(store.name, "place", shelf.skus[product], location, 3)
    sold_at = time.monotonic()
    shelf.receive(pipeline.connection, product, 5)
    wait.until(lambda: not pipeline.consumer.running, f"the consumer dies at {point}")
    pipeline.consumer.wanted = False
    pipeline.consumer.env = None
    pipeline.consumer.start()
    expect(start + 2)
    shelf.receive(pipeline.connection, product, 1)
    expect(start + 3)
    assert time.monotonic() - sold_at < KILL_GRACE_SECONDS, "too slow to tell"
    expect(start + 6)
    assert time.monotonic() - sold_at > KILL_GRACE_SECONDS
    values = [left for _, _, left in writes_of(pipeline.simulator.journal(store.name),
                                               stores.ITEM_BASE + product, location)]
    assert values[-3:] == [start + 2, start + 3, start + 6]
