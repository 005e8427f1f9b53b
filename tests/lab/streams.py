"""Streams: one unbroken history of a database in a topic, and what must hold when it was broken."""

import json
import time
from dataclasses import dataclass

import psycopg

from . import checks, record, wait

HEAL_SECONDS = 60


@dataclass(frozen=True)
class Stream:
    """A row of stocksync.stream."""
    id: str
    why: str
    first_revision: int
    topic: str


OLD = Stream("", "", 0, "")


class World:
    """A pipeline whose database or topic has accidents, and everything that was ever seen of it."""

    def __init__(self, pipeline):
        self.pipeline = pipeline
        self.known = {}         # stream id -> Stream
        self.newest = 0         # revision of the newest record that we saw

    @property
    def state_dsn(self):
        sections = self.pipeline.sections
        return sections.get("state", {}).get("dsn") or sections["odoo"]["dsn"]

    def streams(self):
        """All streams of the state, the present one last."""
        with psycopg.connect(self.state_dsn, autocommit=True) as connection:
            return [Stream(*row) for row in connection.execute(
                "SELECT id::text, why, first_revision, topic FROM stocksync.stream"
                " ORDER BY first_revision")]

    def present(self):
        """The present stream; None: there is none, or no state."""
        try:
            return (self.streams() or [None])[-1]
        except psycopg.Error:
            return None

    def begin(self, products):
        """Both programs run, and the stores show Odoo's numbers."""
        self.pipeline.start()
        self.pipeline.backfill()
        self.equal(products)
        self.remember()
        return self

    def remember(self):
        """Looks at the topic while it is whole: what lies in it now must not come back as news."""
        stocks = self.stocks()
        checks.expect(checks.revisions_rise(stocks), "revisions")
        self.newest = max([self.newest, *(stock.revision for stock in stocks)])
        present = self.present()
        if present:
            self.known[present.id] = present
        return stocks

    def trade(self, part):
        """Odoo's transactions, published and in the stores: what an accident may lose."""
        outcomes = self.pipeline.replay(part)
        assert [outcome for outcome in outcomes if outcome.error] == []
        self.pipeline.wait_settled()
        return self.remember()

    def wait_noted(self):
        """The state knows what was published, as it does some seconds later: a shorter history than
        that is recognised. What is lost before is only published again."""
        def is_noted():
            with psycopg.connect(self.state_dsn, autocommit=True) as connection:
                return connection.execute("SELECT max(settled) >= %s FROM stocksync.stream",
                                          (self.newest,)).fetchone()[0]
        wait.until(is_noted, "the state notes what was published", alive=self.pipeline.alive)

    def restart(self):
        """Both programs run again; healed() says in what time they must be through."""
        self.pipeline.reconnect()
        self.pipeline.producer.start(ready=False)
        self.pipeline.consumer.start(ready=False)

    def stop(self):
        assert self.pipeline.consumer.stop() == 0
        assert self.pipeline.producer.stop() == 0

    def stocks(self):
        """The topic's records of ours; what a stranger wrote before the present stream is none."""
        return record.decode_all([found for found in self.pipeline.records()
                                  if b"stranger" not in found.headers.values()])

    # What must hold

    def differences(self, products=None):
        """Levels that are not Odoo's; products None: of plain products as the database has them."""
        pipeline, kits = self.pipeline, ()
        if products is None:
            products, kits = checks.plain_products(pipeline.connection)
        return [f"{store.name}: {difference}" for store in pipeline.stores
                for difference in pipeline.compare_levels(store, products, kits)[2]]

    def equal(self, products=None, seconds=HEAL_SECONDS):
        """Within the time every store shows Odoo's numbers, and still does when all is quiet."""
        last = []

        def are_equal():
            last[:] = self.differences(products)
            return not last
        wait.until(are_equal, lambda: f"stores equal Odoo: {len(last)} levels differ\n  "
                   + "\n  ".join(last[:10]), seconds=seconds, every=0.2, alive=self.pipeline.alive)
        self.pipeline.wait_settled()
        checks.expect(self.differences(products), "levels, when all is quiet")

    def healed(self, why, products=None, lost=(), seconds=HEAL_SECONDS):
        """What must hold after an accident, without a command.

        why       reasons that the present stream may have; None: it may be no new one
        products  {id: odoo.Product}; None: plain products as the database has them
        lost      ids of products that only the lost part of the history had
        """
        deadline = time.monotonic() + seconds
        if why is not None:
            wait.until(lambda: (self.present() or OLD).id not in {"", *self.known},
                       lambda: f"a new stream begins; present: {self.present()}",
                       seconds=seconds, every=0.1, alive=self.pipeline.alive)
        self.equal(products, deadline - time.monotonic())
        stocks, streams = self.stocks(), self.streams()
        latest = record.latest(stocks)
        wrong = [number for number in lost if number in latest and not latest[number].gone]
        assert not wrong, f"products {wrong} are gone, their last records are no tombstones"
        if products is None:
            checks.expect(checks.topic_equals_database(stocks, self.pipeline.connection), "topic")
        else:
            checks.expect(checks.topic_equals_oracle(stocks, products), "topic")
        assert streams, "the state knows no stream"
        self.records_hold(stocks, streams)
        present = streams[-1]
        if why is not None:
            assert present.why in why, present
            assert present.first_revision >= self.newest, (
                f"{present} begins below revision {self.newest} that was published before")
            assert latest, "the topic is empty"
            for stock in latest.values():   # who is gone already has a tombstone of before
                assert stock.gone or stock.place.headers.get("stream") == present.id.encode(), (
                    f"{stock.place.where} is the newest of product {stock.product_id}, and not of "
                    f"stream {present.id}: {stock.place.headers}")
        self.shown(present)
        self.remember()
        return present

    def records_hold(self, stocks, streams):
        """Revisions rise; every record lies within the revisions of the stream that it names."""
        checks.expect(checks.revisions_rise(stocks), "revisions")
        bounds = {stream.id: (stream.first_revision, following.first_revision)
                  for stream, following in zip(streams, streams[1:])}
        bounds[streams[-1].id] = (streams[-1].first_revision, 2 ** 63)
        for stock in stocks:
            name = (stock.place.headers.get("stream") or b"").decode()
            assert name, f"{stock.place.where} names no stream"
            if name in bounds:      # a state that went back does not know all of them
                low, high = bounds[name]
                assert low < stock.revision <= high, (
                    f"{stock.place.where}: revision {stock.revision} of stream {name}, "
                    f"which has {low} to {high}")

    def shown(self, stream):
        """`status` names the present stream, since when and why."""
        text = self.pipeline.command("producer", "status").out
        line = next((line for line in text.splitlines() if stream.id in line), "")
        assert line and f"{stream.why}" in line and "since" in line, text
        found = json.loads(self.pipeline.command("producer", "status", "--json").out)["stream"]
        assert found["id"] == stream.id and found["why"] == stream.why, found
        assert found["since"], found

    def undisturbed(self, connection, product):
        """Nothing happened to the history: the stream goes on, and the next change of a product is
        all that is published. Waits for that, so the producer may be on its way to the lead."""
        before, stream = len(self.pipeline.records()), self.present()
        add(connection, product, 1)
        wait.until(lambda: len(self.pipeline.records()) > before, "the change is published",
                   seconds=HEAL_SECONDS, alive=self.pipeline.alive)
        self.pipeline.wait_published()
        stocks = self.stocks()
        checks.expect(checks.revisions_rise(stocks), "revisions")
        since = [stock.product_id for stock in stocks if stock.revision > self.newest]
        assert since == [product], f"published again: {since}"
        assert self.present() == stream, f"a new stream: {self.present()} after {stream}"
        self.remember()


def add(connection, product, units):
    """More or fewer units of a product, where it has any."""
    connection.execute(
        "UPDATE public.stock_quant SET quantity = quantity + %s WHERE id ="
        " (SELECT min(id) FROM public.stock_quant WHERE product_id = %s)", (units, product))


def quantity(connection, product):
    return connection.execute("SELECT sum(quantity) FROM public.stock_quant WHERE product_id = %s",
                              (product,)).fetchone()[0]
