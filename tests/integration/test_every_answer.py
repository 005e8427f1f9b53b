"""Answers of every kind that Shopify is known to give, one after the other, to a running consumer: what
becomes of the level, which keys are used, what the journal of attempts says, and when the offset is committed.
tests/unit/lane/test_reactions.c goes through all codes."""

import json
import signal
from dataclasses import dataclass, field

import pytest

from conftest import outlet
from lab import stores, wait
from lab.pipeline import Pipeline

DATABASE = "shop_answers"
BERLIN, MUNICH = 5001, 5002
# free stock of one product by warehouse
PLACE_SUMS = """
SELECT w.code, sum(q.quantity - q.reserved_quantity) FROM stock_quant q
  JOIN stock_location l ON l.id = q.location_id
  JOIN stock_warehouse w ON w.active
  JOIN stock_location v ON v.id = w.view_location_id
 WHERE starts_with(l.parent_path, v.parent_path) AND q.product_id = %s GROUP BY w.code
"""
ITEM_NAMED = ["input", "quantities", "0", "quantity"]


@dataclass(frozen=True)
class Row:
    """One answer.

    fault     of the simulator, for StockSet
    end       what must come of it: a key of ENDS
    state     of the lane meanwhile, where it is held
    code      Shopify's, as parked rows and reasons show it
    attempts  outcomes in the journal of attempts, in their order; pairs that were read again may
              be sent together or one after the other, so the last one may be there twice
    """
    fault: dict
    end: str
    state: str = None
    code: str = None
    attempts: list = field(default_factory=lambda: ["applied"])


def http(status, end, state=None, **more):
    return Row({"kind": "status", "status": status, "message": "a reason", **more}, end, state,
               f"HTTP_{status}")


def top(code, end, state=None):
    error = {"message": "a reason", "extensions": {"code": code} if code else {}}
    return Row({"kind": "answer", "body": {"errors": [error]}}, end, state, code)


def body(end, given, executed=False):
    return Row({"kind": "answer", "body": given, "executed": executed}, end)


def whole(code, end, **more):
    """A user error that names no entry."""
    return Row({"kind": "user_error", "code": code, "message": "a reason"}, end, code=code, **more)


def entry(code, end, path=None, **more):
    """A user error that names the first entry, once."""
    return Row({"kind": "user_error", "code": code, "message": "a reason", "count": 1,
                "field": path or ITEM_NAMED}, end, code=code, **more)


def parked(code, path=None):
    return entry(code, "parked", path, attempts=["refused", "applied"])


def stale(code):
    return entry(code, "read again", attempts=["stale", "applied"])


def unfit(code):
    """Held; the key is burnt meanwhile, so what is sent after the cure finds that out first."""
    return whole(code, "held", state="misconfigured", attempts=["stale", "applied"])


EMPTY = {"data": {"inventorySetQuantities": {"inventoryAdjustmentGroup": None, "userErrors": []}}}

ROWS = {
    # HTTP, before anything is executed
    "301": http(301, "held", "misconfigured", location="http://127.0.0.1:9/"),
    "401": http(401, "held", "unauthorised"),
    "402": http(402, "held", "closed"),
    "429": http(429, "sent again", "throttled", retryAfter="0.7"),
    "503 with a time": http(503, "sent again", retryAfter="0.9"),
    "500 as a page": Row({"kind": "html_5xx", "status": 500}, "sent again"),
    # HTTP, after the execution: nothing is written twice
    "500, executed": http(500, "executed", executed=True),
    "cut in the body, executed": Row({"kind": "cut_body"}, "executed"),
    "reset, executed": Row({"kind": "reset_after"}, "executed"),
    # no usable answer
    "reset": Row({"kind": "reset_before"}, "sent again"),
    "data null": body("sent again", {"data": None}),
    # top-level errors
    "THROTTLED": Row({"kind": "throttle"}, "sent again", "throttled"),
    "INTERNAL_SERVER_ERROR": top("INTERNAL_SERVER_ERROR", "sent again"),
    "SHOP_INACTIVE": top("SHOP_INACTIVE", "held", "closed"),
    "ACCESS_DENIED": top("ACCESS_DENIED", "held", "misconfigured"),
    "unknown top-level code": top("MOON_PHASE", "sent again"),
    # user errors
    "no-op": Row({"kind": "answer", "body": EMPTY, "executed": True, "count": 1}, "no-op"),
    "CHANGE_FROM_QUANTITY_STALE": stale("CHANGE_FROM_QUANTITY_STALE"),
    "IDEMPOTENCY_CONCURRENT_REQUEST": whole("IDEMPOTENCY_CONCURRENT_REQUEST", "sent again"),
    "IDEMPOTENCY_KEY_PARAMETER_MISMATCH": whole("IDEMPOTENCY_KEY_PARAMETER_MISMATCH", "held",
                                                state="misconfigured"),
    "INVALID_REASON": unfit("INVALID_REASON"),
    "INVALID_INVENTORY_ITEM": entry("INVALID_INVENTORY_ITEM", "found again"),
    "ITEM_NOT_STOCKED_AT_LOCATION": parked("ITEM_NOT_STOCKED_AT_LOCATION"),
    "unknown code": parked("MOON_PHASE"),
    # other shapes of the path
    "index as a number": parked("INVALID_LOCATION", ["input", "quantities", 0, "locationId"]),
    "index out of range": whole("INVALID_LOCATION", "parked both"),
    # the last one: the item is taken for one that sells fast for a minute
    "stale, nobody named": whole("CHANGE_FROM_QUANTITY_STALE", "adjusted"),
}
ROWS["index out of range"].fault["field"] = ["input", "quantities", "249", "locationId"]

REASONS = {"ITEM_NOT_STOCKED_AT_LOCATION": "level_missing"}
ODD = {"INVALID_LOCATION", "MOON_PHASE", "INVALID_REASON", "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"}


class Desk:
    """A running pipeline with one store, and one product that lies in two of its locations."""

    def __init__(self, pipeline, shop):
        self.pipeline, self.store = pipeline, pipeline.stores[0]
        self.simulator, self.consumer = pipeline.simulator, pipeline.consumer
        wanted = {item for item, _ in pipeline.expected(self.store, shop.before)}
        self.product, self.quants = self._product(shop, wanted)
        self.item = stores.ITEM_BASE + self.product
        self.places = {number: self.store.locations[name]
                       for name, number in self.store.location_ids.items()}
        self.number = 1000
        self.partition = [record.partition for record in pipeline.records()
                          if record.key == str(self.product).encode()][-1]

    def _product(self, shop, wanted):
        """One with a quant in WH and another in SO, no kit and part of none."""
        rows = self.pipeline.connection.execute(
            "SELECT q.product_id, min(q.id) FILTER (WHERE w.code = 'WH'),"
            " min(q.id) FILTER (WHERE w.code = 'SO') FROM stock_quant q"
            " JOIN stock_location l ON l.id = q.location_id AND l.usage = 'internal'"
            " JOIN stock_warehouse w ON w.code IN ('WH', 'SO')"
            " JOIN stock_location v ON v.id = w.view_location_id"
            " WHERE starts_with(l.parent_path, v.parent_path)"
            " AND NOT EXISTS (SELECT FROM mrp_bom_line b WHERE b.product_id = q.product_id)"
            " GROUP BY q.product_id HAVING count(DISTINCT w.code) = 2 ORDER BY 1").fetchall()
        for product, first, second in rows:
            known = shop.before[product]
            if stores.ITEM_BASE + product in wanted and not known.is_kit:
                return product, (first, second)
        raise AssertionError("no such product in the recorded shop")

    def write_numbers(self):
        """Other numbers at both locations, in one transaction: one record, two levels."""
        self.number += 10
        self.pipeline.connection.execute(
            "UPDATE stock_quant SET quantity = CASE id WHEN %s THEN %s ELSE %s END,"
            " reserved_quantity = 0 WHERE id IN (%s, %s)",
            (self.quants[0], self.number, self.number + 5, *self.quants))

    def newest_revision(self):
        """Of the attempts."""
        return self.pipeline.connection.execute(
            "SELECT coalesce(max(one), 0) FROM stocksync.attempt, unnest(revision) one"
            " WHERE store = %s", (self.store.name,)).fetchone()[0]

    def committed(self):
        """The group's offset in the product's partition."""
        return self.pipeline.kafka.committed(self.store.group, self.pipeline.topic)[self.partition]

    def is_idle(self):
        seen = self.status()
        return (seen["pending"], seen["in_flight"], seen["unfinished"]) == (0, 0, 0)

    def wanted(self, location):
        """What the rules ask for now."""
        numbers = dict(self.pipeline.connection.execute(PLACE_SUMS, (self.product,)).fetchall())
        return int(sum(numbers.get(code, 0) for code in self.places[location]))

    def status(self):
        code, text = self.consumer.http("/status")
        assert code == 200
        return json.loads(text)["stores"][0]

    def hang_up(self):
        self.consumer.child.send(signal.SIGHUP)

    def fired(self, kind):
        return self.simulator.stats(self.store.name)["faults"].get(kind, 0)

    def levels(self):
        found = self.simulator.levels(self.store.name)
        return {place: found[self.item, place]["available"] for place in (BERLIN, MUNICH)}

    def parked(self):
        """{location: (reason, code, detail, request id, revision)}"""
        return {location: row for location, *row in self.pipeline.connection.execute(
            "SELECT location, reason, code, detail, request_id, revision FROM stocksync.parked"
            " WHERE store = %s AND item = %s", (self.store.name, self.item)).fetchall()}


class Change:
    """One change in Odoo. Nothing was unfinished before it."""

    def __init__(self, desk):
        self.desk = desk
        self.offset = desk.committed()
        self.record = None
        self.since = desk.newest_revision()
        desk.write_numbers()

    def attempts(self):
        """[(key, outcome, request id)] of what was sent since, in the order of sending."""
        return self.desk.pipeline.connection.execute(
            "SELECT key::text, outcome, request_id FROM stocksync.attempt"
            " WHERE store = %s AND %s < ALL (revision) ORDER BY sent_at",
            (self.desk.store.name, self.since)).fetchall()

    def is_committed(self):
        """Beyond the change's record: the first data record from the offset before it."""
        if self.record is None:
            self.record = self.desk.pipeline.kafka.first_record(
                self.desk.pipeline.topic, self.desk.partition, self.offset).offset
        return self.desk.committed() > self.record

    def wait_committed(self):
        wait.until(lambda: self.desk.is_idle() and self.is_committed(),
                   lambda: f"offset is committed; {self.desk.status()}",
                   alive=self.desk.pipeline.alive)


def begin(desk, row):
    """Plants the fault, changes the number; the journal's length before, and the change."""
    mark = len(desk.simulator.journal(desk.store.name))
    fired = desk.fired(row.fault["kind"])
    desk.simulator.fault(desk.store.name, operation="StockSet", **row.fault)
    change = Change(desk)
    wait.until(lambda: desk.fired(row.fault["kind"]) > fired,
               lambda: f"the fault is met: {desk.status()}", alive=desk.pipeline.alive)
    return mark, change


def mutations(desk, mark):
    return desk.simulator.journal(desk.store.name, after=mark)


def keys_of(journal):
    return list(dict.fromkeys(one["key"] for one in journal))


def expect_applied(desk, row, mark, change):
    """Both levels right, each written once, and no key that is not in the journal of attempts."""
    change.wait_committed()
    assert desk.levels() == {BERLIN: desk.wanted(BERLIN), MUNICH: desk.wanted(MUNICH)}
    journal = mutations(desk, mark)
    written = [one["location"] for mutation in journal if mutation["outcome"] == "applied"
               for one in mutation["entries"]]
    assert sorted(written) == [BERLIN, MUNICH], journal
    attempts = change.attempts()
    assert keys_of(journal) == [key for key, _, _ in attempts]
    outcomes = [outcome for _, outcome, _ in attempts]
    assert outcomes == row.attempts or (len(row.attempts) > 1
                                        and outcomes == row.attempts + row.attempts[-1:])
    assert desk.parked() == {}
    return journal


def expect_waiting(desk, mark, change):
    """While the answer does not change: open in the journal, nothing parked, nothing committed."""
    wait.until(lambda: desk.status()["unfinished"] > 0,
               lambda: f"a look at what may be committed: {desk.status()}")
    assert not change.is_committed()
    assert [outcome for _, outcome, _ in change.attempts()] == [None]
    assert desk.parked() == {}
    assert len(keys_of(mutations(desk, mark))) == 1


def end_sent_again(desk, row):
    mark, change = begin(desk, row)
    expect_waiting(desk, mark, change)
    if row.state:
        assert f"->{row.state}" in desk.consumer.text()
    desk.simulator.heal(desk.store.name)
    journal = expect_applied(desk, row, mark, change)
    assert len(journal) >= 2


def end_executed(desk, row):
    """It took effect at once; what follows is only told so."""
    mark, change = begin(desk, row)
    expect_waiting(desk, mark, change)
    assert desk.levels() == {BERLIN: desk.wanted(BERLIN), MUNICH: desk.wanted(MUNICH)}
    desk.simulator.heal(desk.store.name)
    journal = expect_applied(desk, row, mark, change)
    assert {one["outcome"] for one in journal[1:]} == {"replayed"}


def end_held(desk, row):
    mark, change = begin(desk, row)

    def is_held():
        seen = desk.status()
        return seen["state"] == row.state and row.code in seen["why"]
    wait.until(is_held, lambda: f"{row.state} because of {row.code}: {desk.status()}")
    why = desk.status()["why"]
    assert row.fault.get("message", "a reason") in why and "(" in why
    expect_waiting(desk, mark, change)
    sent = len(mutations(desk, mark))
    desk.simulator.heal(desk.store.name)
    assert len(mutations(desk, mark)) == sent, "a store that is held was asked again at once"
    desk.hang_up()
    expect_applied(desk, row, mark, change)
    assert desk.status()["state"] in ("running", "catching_up")


def end_read_again(desk, row):
    reads = desk.consumer.metric("stocksync_store_reads_total")
    mark, change = begin(desk, row)
    expect_applied(desk, row, mark, change)
    assert desk.consumer.metric("stocksync_store_reads_total") > reads


def expect_parked(desk, change, location, row):
    reason, code, detail, request_id, revision = desk.parked()[location]
    assert reason == row.fault.get("reason", REASONS.get(row.code, "refused"))
    assert code == row.code and "a reason" in detail and "(" in detail
    assert revision == desk.newest_revision() > change.since
    assert request_id in {one for _, _, one in change.attempts()}


def end_parked(desk, row):
    """The entry that is named leaves, its neighbour is applied under a new key."""
    mark, change = begin(desk, row)
    change.wait_committed()
    journal = mutations(desk, mark)
    out, rest = [one["location"] for one in journal[0]["entries"]]
    assert desk.levels()[rest] == desk.wanted(rest)
    assert desk.levels()[out] != desk.wanted(out)
    assert [one["outcome"] for one in journal] == ["refused", "applied"]
    assert [one["location"] for one in journal[1]["entries"]] == [rest]
    assert journal[1]["at_us"] - journal[0]["at_us"] < 1e6
    assert len(keys_of(journal)) == 2
    assert [outcome for _, outcome, _ in change.attempts()] == row.attempts
    assert set(desk.parked()) == {out}
    expect_parked(desk, change, out, row)


def end_found_again(desk, row):
    """As parked; but the item is looked for, is there after all, and its level is written. Its neighbour is
    a level of the same item: it goes out at once, or waits for the item and goes out with it."""
    mark, change = begin(desk, row)
    change.wait_committed()
    right = {BERLIN: desk.wanted(BERLIN), MUNICH: desk.wanted(MUNICH)}
    wait.until(lambda: desk.levels() == right and desk.parked() == {},
               lambda: f"it was found: {mutations(desk, mark)}", alive=desk.pipeline.alive)
    journal = mutations(desk, mark)
    out, rest = [one["location"] for one in journal[0]["entries"]]
    sent = [sorted(one["location"] for one in mutation["entries"]) for mutation in journal[1:]]
    assert sent in ([[rest], [out]], [[out], [rest]], [sorted([out, rest])])
    assert len(keys_of(journal)) == len(journal)
    wait.until(lambda: [outcome for _, outcome, _ in change.attempts()]
               == ["refused"] + ["applied"] * len(sent), lambda: f"{change.attempts()}")


def end_parked_both(desk, row):
    """Nobody is named: together, then each alone."""
    mark, change = begin(desk, row)
    change.wait_committed()
    journal = mutations(desk, mark)
    assert [len(one["entries"]) for one in journal] == [2, 1, 1]
    assert len(keys_of(journal)) == 3
    assert [outcome for _, outcome, _ in change.attempts()] == ["refused"] * 3
    assert set(desk.parked()) == {BERLIN, MUNICH}
    for location in (BERLIN, MUNICH):
        expect_parked(desk, change, location, row)


def end_adjusted(desk, row):
    """Somebody in there keeps changing: read and set twice, then adjusted by the difference."""
    mark, change = begin(desk, row)
    change.wait_committed()
    assert desk.levels() == {BERLIN: desk.wanted(BERLIN), MUNICH: desk.wanted(MUNICH)}
    journal = mutations(desk, mark)
    outcomes = [one["outcome"] for one in journal]
    refused = outcomes.index("applied")     # together, then together or each alone
    assert refused in (2, 3) and outcomes[refused:] in (["applied"], ["applied"] * 2)
    assert len(keys_of(journal)) == len(journal)
    assert [outcome for _, outcome, _ in change.attempts()] == ["stale"] * refused + outcomes[refused:]
    assert desk.parked() == {}


def end_no_op(desk, row):
    """Shopify says that nothing changed: as good as applied, and counted as unchanged."""
    before = desk.consumer.metric("stocksync_store_unchanged_total")
    mark, change = begin(desk, row)
    change.wait_committed()
    assert len(mutations(desk, mark)) == 1
    assert [outcome for _, outcome, _ in change.attempts()] == ["applied"]
    assert desk.parked() == {}
    assert desk.consumer.metric("stocksync_store_unchanged_total") == before + 2


ENDS = {"sent again": end_sent_again, "executed": end_executed, "held": end_held,
        "read again": end_read_again, "parked": end_parked, "found again": end_found_again,
        "parked both": end_parked_both, "adjusted": end_adjusted, "no-op": end_no_op}


@pytest.fixture(scope="module")
def desk(request, postgres, kafka, simulator, template, shop):
    """One pipeline for all rows."""
    postgres.create_database(DATABASE, template)
    store = outlet("_answers", name="answers")
    pipeline = Pipeline(postgres, kafka, simulator, DATABASE, "stock.answers", [store],
                        {f"store.{store.name}": {"unimported_sale_grace": "0s", "buffer": 0}})
    request.node.pipelines = [pipeline]
    try:
        pipeline.open_shops("plus")
        pipeline.install()
        pipeline.start()
        pipeline.backfill()
        pipeline.wait_settled()
        yield Desk(pipeline, shop)
    finally:
        pipeline.close()
        postgres.drop_database(DATABASE)


@pytest.fixture(autouse=True)
def settled(request, desk):
    """Before a row nothing waits, nothing is parked and nothing is switched on; a failed row shows the
    programs' logs."""
    request.node.pipelines = [desk.pipeline]
    yield
    desk.simulator.heal(desk.store.name)
    if not desk.is_idle():
        desk.hang_up()
        wait.until(desk.is_idle, lambda: f"nothing is left: {desk.status()}", seconds=60,
                   alive=desk.pipeline.alive)
    if desk.parked():
        Change(desk).wait_committed()
        assert desk.parked() == {}


def test_stored_request_that_is_refused_for_what_it_is_does_not_hold_the_next_process(desk):
    """A dead process left bytes that the store will never take: they are given up, the levels come again
    from the topic, under another key."""
    row = ROWS["INVALID_REASON"]
    mark, change = begin(desk, row)
    wait.until(lambda: desk.status()["state"] == "misconfigured", "the lane is held")
    desk.consumer.kill()
    desk.consumer.start()
    wait.until(lambda: [outcome for _, outcome, _ in change.attempts()] == ["refused", None],
               lambda: f"given up and built anew: {change.attempts()}", alive=desk.pipeline.alive)
    wait.until(lambda: desk.status()["state"] == "misconfigured",
               lambda: f"held by what is new: {desk.status()}")
    assert not change.is_committed()
    desk.simulator.heal(desk.store.name)
    desk.hang_up()
    change.wait_committed()
    assert desk.levels() == {BERLIN: desk.wanted(BERLIN), MUNICH: desk.wanted(MUNICH)}
    assert change.attempts()[-1][1] == "applied" and desk.parked() == {}
    assert keys_of(mutations(desk, mark)) == [key for key, _, _ in change.attempts()]


@pytest.mark.parametrize("name", ROWS)
def test_every_answer(desk, name):
    row = ROWS[name]
    odd = desk.consumer.metric("stocksync_store_odd_codes_total")
    ENDS[row.end](desk, row)
    told = desk.consumer.metric("stocksync_store_odd_codes_total") - odd
    assert (told > 0) == (row.code in ODD or name == "204"), f"{told} odd codes were counted"
    log = desk.consumer.text().rpartition("event=started")[2]
    lines = [line for line in log.splitlines() if "odd_code" in line]
    assert len([line for line in lines if row.code and row.code in line]) == (told > 0)
