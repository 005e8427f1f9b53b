"""A server that stops answering: the producer says so in time, ends in time, and goes on."""

import contextlib
import json
import os
import signal
import threading
import time

from lab import checks, record, wait

SAY = "INSERT INTO public.stock_availability_dirty_shopify (product_id) SELECT 1 + (random() * 99)::int"


def family(pid):
    """The process and all its descendants."""
    found = [pid]
    for parent in found:
        with contextlib.suppress(OSError), open(f"/proc/{parent}/task/{parent}/children",
                                                encoding="ascii") as children:
            found += [int(child) for child in children.read().split()]
    return found


@contextlib.contextmanager
def frozen(child):
    """All processes of a server are stopped: its kernel still takes what is sent."""
    pids = family(child.popen.pid)
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


class Changes(threading.Thread):
    """Marks a product a hundred times a second, until it is stopped."""

    def __init__(self, pipeline):
        super().__init__(daemon=True)
        self.pipeline = pipeline
        self.stopped = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self.join()

    def run(self):
        with self.pipeline.postgres.connect(self.pipeline.dbname) as connection:
            while not self.stopped.wait(0.01):
                connection.execute(SAY)


def shown(pipeline):
    return json.loads(pipeline.producer.http("/status")[1])


def wait_flowing(pipeline):
    """Until records of the changes are published."""
    before = pipeline.producer.metric("stocksync_producer_records_total")
    wait.until(lambda: pipeline.producer.metric("stocksync_producer_records_total") > before,
               "changes are published", seconds=15, alive=pipeline.producer.alive)


def expect_silence(pipeline, reason):
    """503 within 15 s, then the state and its reason."""
    wait.until(lambda: not pipeline.producer.is_ready(), "no longer ready", seconds=15)
    assert not shown(pipeline)["publishing"]
    wait.until(lambda: shown(pipeline)["state"] == "waiting", lambda: str(shown(pipeline)),
               seconds=20, alive=pipeline.producer.alive)
    assert shown(pipeline)["reason"] in reason, shown(pipeline)


def test_frozen_postgres_is_noticed_and_left_in_time(producer_only):
    pipeline = producer_only
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    with frozen(pipeline.postgres.child):
        expect_silence(pipeline, ("SOURCE_LOST",))
        first = pipeline.producer.metric("stocksync_producer_oldest_mark_age_seconds")
        assert first > 10
        assert pipeline.producer.metric("stocksync_producer_publishing") == 0
        wait.until(lambda: pipeline.producer.metric("stocksync_producer_oldest_mark_age_seconds")
                   > first + 2, "the age grows", seconds=10)
    pipeline.producer.wait_ready(seconds=10)
    with frozen(pipeline.postgres.child):
        time.sleep(1)   # longer than the pause between two reads: one waits for its answer
        assert pipeline.producer.stop(seconds=30) == 0
    pipeline.producer.start()


def test_frozen_kafka_is_noticed_and_fences_nobody(producer_only):
    """Longer than transaction.timeout.ms: the broker ends the transaction when it wakes up."""
    pipeline = producer_only
    pipeline.producer.start()
    with Changes(pipeline):
        wait_flowing(pipeline)
        with frozen(pipeline.kafka.child):
            expect_silence(pipeline, ("BROKER_LOST", "CLIENT_BROKEN", "BATCH_ABORTED"))
            time.sleep(5)   # the freeze must outlast transaction.timeout.ms
        pipeline.producer.wait_ready(seconds=10)
    pipeline.wait_published()
    with Changes(pipeline), frozen(pipeline.kafka.child):
        time.sleep(2)   # changes are read meanwhile, and their records wait for the broker
        assert pipeline.producer.stop(seconds=30) == 0


def test_locked_table_does_not_outlast_the_transaction(producer_only):
    """As an upgrade of Odoo locks it. Kafka would end the transaction after 15 s."""
    pipeline = producer_only
    pipeline.producer.start()
    with Changes(pipeline):
        wait_flowing(pipeline)
        with pipeline.postgres.connect(pipeline.dbname, autocommit=False) as holder:
            holder.execute("LOCK TABLE public.product_template IN ACCESS EXCLUSIVE MODE")
            expect_silence(pipeline, ("SOURCE_BUSY",))
            time.sleep(10)  # the lock must outlast transaction.timeout.ms
            holder.rollback()
        pipeline.producer.wait_ready(seconds=10)
    pipeline.wait_published()
    assert "event=fenced" not in pipeline.producer.text()
    stocks = record.decode_all(pipeline.records())
    checks.expect(checks.revisions_rise(stocks), "revisions")
