"""Whatever dies, at any moment: in the end all is equal, and nothing old ever came after new."""

import os
import random
import signal
import threading
import time

from conftest import outlet, wholesale
from lab import odoo, record, wait
from lab.kafka import Kafka
from lab.pipeline import Pipeline
from lab.postgres import Postgres
from lab.simulator import Simulator

KILLS = 20


class Tape(threading.Thread):
    """Odoo at work in the background: the tape at random intervals, until it ends."""

    def __init__(self, pipeline, tape, random_source, pause):
        super().__init__(name="tape", daemon=True)
        self.pipeline, self.tape, self.pause = pipeline, tape, pause
        self.random = random.Random(random_source.random())
        self.outcomes, self.error = [], None
        self.stopped = threading.Event()

    def run(self):
        try:
            self.outcomes = self.pipeline.replay(self.tape, self._before)
        except BaseException as error:  # shown by the test, which waits for us
            self.error = error

    def _before(self, _):
        self.stopped.wait(self.random.expovariate(1 / self.pause))

    def finish(self, seconds=60):
        self.join(seconds)
        assert not self.is_alive(), "the tape did not end"
        assert self.error is None, self.error
        assert [outcome for outcome in self.outcomes if outcome.error] == []


def test_kill_twenty_times_at_random_moments(pipeline, shop, capsys):
    """STOCKSYNC_TEST_SEED repeats a run's moments (as far as a machine repeats anything)."""
    seed = int(os.environ.get("STOCKSYNC_TEST_SEED") or random.SystemRandom().randrange(10 ** 6))
    with capsys.disabled():
        print(f" seed {seed}", end=" ", flush=True)
    moments = random.Random(seed)
    pipeline.start()
    pipeline.backfill()
    tape = Tape(pipeline, shop.tape, moments, pause=0.1)
    tape.start()
    victims = [pipeline.producer, pipeline.consumer] * (KILLS // 2)
    moments.shuffle(victims)
    for victim in victims:
        # A random moment is the point here, so this is no wait for a condition.
        time.sleep(moments.uniform(0.0, 0.7))
        victim.kill()
        victim.start(ready=False)
    tape.finish()
    pipeline.wait_settled()
    pipeline.check(shop.after)
    assert pipeline.consumer.stop() == 0
    assert pipeline.producer.stop() == 0


def test_terminate_while_work_waits(pipeline, shop):
    """SIGTERM ends both within a bound; what was not finished is finished by the next ones."""
    pipeline.start()
    pipeline.backfill()
    for start in range(0, 200, 50):
        pipeline.replay(shop.tape[start:start + 50])
        assert pipeline.consumer.stop(seconds=20) == 0
        assert pipeline.producer.stop(seconds=20) == 0
        pipeline.start()
    pipeline.wait_settled()
    pipeline.check(shop.after)


def test_paused_producer_is_fenced_by_its_successor(pipeline, shop):
    """A producer that was stopped in its tracks wakes up after another took over: not one record
    of it lands behind the successor's, and it ends with its own exit code."""
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape[:80])
    sleeper = pipeline.producer
    sleeper.pause()
    with pipeline.postgres.connect("postgres") as connection:
        # What the server's own keepalives do within half a minute when a machine vanishes.
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
            " AND application_name LIKE 'stocksync-producer%%'", (pipeline.dbname,))
    successor = pipeline.another_producer()
    pipeline.producer = successor
    successor.start()
    pipeline.replay(shop.tape[80:])
    pipeline.wait_published()
    sleeper.resume()
    wait.until(lambda: not sleeper.running or not sleeper.is_ready(),
               "the predecessor has noticed", seconds=30)
    pipeline.wait_settled()
    pipeline.check(shop.after)
    if sleeper.running:
        assert sleeper.stop() == 0


def test_standby_waits_and_takes_over(pipeline, shop):
    pipeline.start()
    standby = pipeline.another_producer()
    standby.start(ready=False)
    wait.until(lambda: standby.http("/healthz")[0] == 200, "the standby answers")
    pipeline.backfill()
    pipeline.replay(shop.tape[:100])
    pipeline.wait_published()
    assert not standby.is_ready()
    pipeline.producer.kill()
    pipeline.producer = standby
    pipeline.replay(shop.tape[100:])
    standby.wait_ready()
    pipeline.wait_settled()
    pipeline.check(shop.after)


def test_answers_that_say_nothing_have_one_effect(pipeline, shop):
    """Every fourth mutation has an unknown outcome."""
    for store in pipeline.stores:
        pipeline.simulator.fault(store.name, "status", every=4, status=502,
                                 operation="inventorySetQuantities")
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape)
    pipeline.wait_published()
    for store in pipeline.stores:
        pipeline.simulator.heal(store.name)
    pipeline.wait_settled()
    pipeline.check(shop.after)


def test_servers_come_and_go_while_the_tape_runs(shop, number):
    """PostgreSQL crashes and recovers, Kafka is away for a while: both programs go on by
    themselves. Servers of its own, so that no other test suffers."""
    with Postgres() as postgres, Kafka() as kafka, Simulator() as simulator:
        postgres.create_database("shop")
        shop.restore(postgres, "shop")
        pipeline = Pipeline(postgres, kafka, simulator, "shop", "stock",
                            [outlet(number), wholesale(number)])
        try:
            pipeline.open_shops().install()
            pipeline.start()
            pipeline.backfill()
            pipeline.replay(shop.tape[:60])
            postgres.restart(signal.SIGQUIT)
            pipeline.reconnect()
            pipeline.replay(shop.tape[60:120])
            kafka.pause()
            pipeline.replay(shop.tape[120:180])
            pipeline.alive()
            kafka.start()
            pipeline.replay(shop.tape[180:])
            pipeline.wait_settled()
            pipeline.check(shop.after)
            wait.until(pipeline.producer.is_ready, "the producer is ready again")
            wait.until(pipeline.consumer.is_ready, "the consumer is ready again")
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            pipeline.close()


def test_hundred_thousand_marks_at_once(producer_only, connection):
    """One huge transaction of marks does not hold a fresh change up, nor the producer's memory."""
    pipeline = producer_only
    pipeline.producer.start()
    connection.execute(
        f"INSERT INTO public.{odoo.MARKS} (product_id) SELECT 1 + i % 400"
        " FROM generate_series(1, 100000) i")
    pipeline.wait_published()
    with open(f"/proc/{pipeline.producer.child.pid}/status", encoding="ascii") as status:
        peak_kib = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    assert peak_kib < 100 * 1024
    stocks = record.decode_all(pipeline.records())
    assert {stock.product_id for stock in stocks} >= set(range(1, 300))
