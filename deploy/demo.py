"""The demo from step 4 on: servers, both programs, the recorded transactions, the comparison."""

import argparse
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))

from lab import checks, odoo, process, programs, record, wait  # noqa: E402
from lab.kafka import Kafka  # noqa: E402
from lab.pipeline import Pipeline  # noqa: E402
from lab.postgres import Postgres  # noqa: E402
from lab.simulator import Simulator  # noqa: E402
from lab.stores import Store  # noqa: E402

STEPS = 9
PACE = 0.04     # seconds between two of Odoo's transactions

STORES = [
    Store("outlet", quantity="available", basis="free",
          locations={"Berlin": ["WH", "NO"], "Munich": ["SO"]}, buffer=2, tls=True),
    Store("wholesale", quantity="on_hand", basis="on_hand",
          locations={"Central": ["WH", "NO", "SO"]}, offer_percent=90, location_base=6000),
]

# Changes' time is that of their mark, which is when Odoo's short transaction began.
LATENCIES = """
SELECT store, count(DISTINCT key), count(*),
       percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (
           ORDER BY extract(epoch FROM answered_at - changed) * 1000)
  FROM stocksync.attempt, unnest(changed_at) AS changed
 WHERE outcome = 'applied' AND sent_at >= %s GROUP BY store
"""


class Steps:
    """One line of progress each; numbering goes on from the script's."""

    def __init__(self, first):
        self.number = first

    def __call__(self, title, action):
        print(f"[{self.number}/{STEPS}] {title} … ", end="", flush=True)
        began = time.monotonic()
        try:
            result = action()
        except BaseException:
            print("failed", flush=True)
            raise
        print(f"{time.monotonic() - began:.1f} s", flush=True)
        self.number += 1
        return result


class Demo:
    """Everything that runs, in order of starting; close() ends it in the other."""

    def __init__(self):
        self.directory = process.scratch("stocksync-demo-")
        self.keep = False
        self.shop = odoo.DataSet("a")
        self.postgres = Postgres(self._folder("postgres"))
        self.kafka = Kafka(self._folder("kafka"))
        self.simulator = Simulator(self._folder("simulator"))
        self.pipeline = None

    def _folder(self, name):
        path = os.path.join(self.directory, name)
        os.makedirs(path)
        os.chmod(path, 0o711)
        return path

    def start_postgres(self):
        self.postgres.start()
        self.postgres.create_database("shop")
        self.shop.restore(self.postgres, "shop")

    def start_shops(self):
        self.simulator.start()
        self.pipeline = Pipeline(self.postgres, self.kafka, self.simulator, "shop",
                                 "odoo.stock.product.v1", STORES,
                                 directory=self._folder("stocksync"))
        self.pipeline.open_shops()

    def first_load(self):
        self.pipeline.install()
        self.pipeline.start()
        self.pipeline.backfill()
        self.pipeline.wait_settled()

    def replay(self):
        outcomes = self.pipeline.replay(self.shop.tape, lambda _: time.sleep(PACE))
        failed = [outcome for outcome in outcomes if outcome.error]
        if failed:
            raise AssertionError(f"Odoo's transactions failed: {failed[:3]}")
        return len(outcomes)

    def close(self):
        if self.pipeline is not None:
            for program in (self.pipeline.consumer, self.pipeline.producer):
                if program.running:
                    try:
                        program.stop()
                    except wait.Expired as error:
                        print(f"demo: {error}", file=sys.stderr)
            self.pipeline.close()
        for server in (self.simulator, self.kafka, self.postgres):
            server.stop()
        if not self.keep:
            process.remove(self.directory)


def table(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  " + "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths))).rstrip())


def report(demo, transactions, marks, records, since):
    """Prints the tables; True when every level equals Odoo's number."""
    pipeline = demo.pipeline
    print(f"\n  {transactions} transactions of Odoo → {marks} marks → {records} records\n")
    found = {row[0]: row[1:] for row in pipeline.connection.execute(LATENCIES, (since,))}
    rows = [("store", "mutations", "pairs", "p50", "p95", "p99")]
    for store in pipeline.stores:
        mutations, pairs, latencies = found.get(store.name, (0, 0, None))
        rows.append((store.name, str(mutations), str(pairs))
                    + tuple(f"{float(value):.0f} ms" for value in latencies or ()))
        rows[-1] += ("–",) * (len(rows[0]) - len(rows[-1]))
    table(rows)
    print("  (p50 …: from the change in Odoo to Shopify's answer, with everything on this machine)\n")
    good = True
    for store in pipeline.stores:
        right, total, differences = pipeline.compare_levels(store, demo.shop.after)
        print(f"  {store.name}: {right} of {total} levels equal Odoo")
        for difference in differences[:10]:
            print(f"    {difference}")
        good = good and total > 0 and not differences
    return good


def marks_published(pipeline):
    return int(pipeline.producer.metric("stocksync_producer_marks_total"))


def invitation(demo):
    pipeline = demo.pipeline
    consumer = f"{programs.binary('consumer')} -c {pipeline.config}"
    producer = f"{programs.binary('producer')} -c {pipeline.config}"
    print(f"""
  Everything stays up until Ctrl-C.

  shops, live         {demo.simulator.url}/
  producer            http://{pipeline.producer.listen}/
  consumer            http://{pipeline.consumer.listen}/
  configuration       {pipeline.config}
  logs                {pipeline.directory}

  To try:
    sell something in Odoo, and watch the shops:
      psql "{demo.postgres.dsn('shop')}" -c "UPDATE stock_quant SET quantity = quantity - 1 WHERE product_id = 1"
    see a product's history, and what waits:
      {consumer} history --product 1
      {producer} status
    read the topic:
      kcat -b {demo.kafka.bootstrap} -t {pipeline.topic} -C -o -5 -e -f '%k  %h\\n'
    kill one (kill -9 {pipeline.producer.child.pid}: producer, {pipeline.consumer.child.pid}: consumer), change stock, start it again:
      {producer} run
""", flush=True)


def run(demo, stay):
    step = Steps(4)
    step("starting PostgreSQL, restoring the shop", demo.start_postgres)
    step("starting Kafka", demo.kafka.start)
    step("starting two simulated Shopify stores", demo.start_shops)
    step("installing into Odoo's database, first load of both stores", demo.first_load)
    pipeline = demo.pipeline
    since = pipeline.connection.execute("SELECT clock_timestamp()").fetchone()[0]
    marks, records = marks_published(pipeline), len(pipeline.records())
    transactions = step(f"replaying {len(demo.shop.tape)} recorded transactions", demo.replay)
    latest = step("waiting until all is through", pipeline.wait_settled)
    good = report(demo, transactions, marks_published(pipeline) - marks, len(latest) - records,
                  since)
    stocks = record.decode_all(latest)
    problems = (checks.no_marks_left(pipeline.connection) + checks.revisions_rise(stocks)
                + checks.topic_equals_database(stocks, pipeline.connection))
    for problem in problems[:10]:
        print(f"  {problem}")
    if stay:
        invitation(demo)
        while True:
            signal.pause()
    return good and not problems


def interrupted(number, _frame):
    raise KeyboardInterrupt(number)


def main():
    parser = argparse.ArgumentParser(prog="deploy/demo")
    parser.add_argument("--stay", action="store_true")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    demo = Demo()
    code = 1
    try:
        code = 0 if run(demo, arguments.stay) else 1
    except KeyboardInterrupt:
        code = 0 if arguments.stay else 130
        print("\ndemo: ending", flush=True)
    except Exception as error:
        demo.keep = True
        print(f"\ndemo: {error}\n", file=sys.stderr)
        if demo.pipeline is not None:
            print(demo.pipeline.logs(), file=sys.stderr)
        print(f"demo: files are kept in {demo.directory}", file=sys.stderr)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        demo.close()
    return code


if __name__ == "__main__":
    sys.exit(main())
