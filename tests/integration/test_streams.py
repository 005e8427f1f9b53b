"""Histories that break: a database or a topic goes back, is lost or is replaced.

In the end, without a command, the stores equal Odoo; and where nothing broke, nothing is published
again.
"""

import contextlib
import signal
from dataclasses import dataclass

import pytest
from conftest import outlet, wholesale
from lab import programs, record, streams, wait
from lab.kafka import Kafka
from lab.pipeline import Pipeline
from lab.postgres import Postgres
from lab.streams import World

# What an accident loses or happens during: the first transactions of the tape make three products
# and delete one.
PART = 60
BORN = (438, 439, 440)
STRANGER = {"from": b"stranger"}


@pytest.fixture(params=["inside", "outside"])
def state(request, postgres, number):
    """Where the state lives: options of [state]; inside Odoo's database, it goes back with it."""
    if request.param == "inside":
        yield {}
        return
    name = f"state_{number}"
    postgres.create_database(name)
    yield {"dsn": postgres.dsn(name)}
    postgres.drop_database(name)


@pytest.fixture
def world(make_pipeline, database, number, shop, state):
    """Two stores, all in order, in both the state's places."""
    return make_world(make_pipeline, database, number, shop, {"state": state})


@pytest.fixture
def simple(make_pipeline, database, number, shop):
    """Two stores, all in order, the state in Odoo's database."""
    return make_world(make_pipeline, database, number, shop)


def make_world(make_pipeline, database, number, shop, options=None):
    """The shops sell the products that the tape makes as well."""
    pipeline = make_pipeline(database, outlet(number), wholesale(number), options=options)
    pipeline.skus += [(product.id, product.sku, "") for product in shop.after.values()
                      if product.id not in shop.before and product.sku]
    pipeline.open_shops().install()
    return World(pipeline).begin(shop.before)


def another_store(world, number, products):
    """A store that joins now reads the topic from its start, and shows Odoo's numbers too."""
    pipeline = world.pipeline
    late = outlet(number, name=f"late{number}", location_base=7000)
    assert pipeline.consumer.stop() == 0
    pipeline.stores.append(late)
    pipeline.sections[f"store.{late.name}"] = late.section(pipeline.simulator, pipeline.directory)
    pipeline.write_config()
    late.open_shop(pipeline.simulator, pipeline.skus)
    pipeline.consumer.start()
    world.equal(products)


def lost_level(world, shop):
    """A level of a product that only the lost part knows, by store."""
    item = next(100000 + number for number in BORN
                if shop.after[number].enabled and shop.after[number].sku)
    return [{pair: level for pair, level in world.pipeline.simulator.levels(store.name).items()
             if pair[0] == item} for store in world.pipeline.stores]


# The database goes back


def test_dump_and_restore_in_the_same_cluster(world, shop, number, postgres):
    """Once while both programs run, once while they do not. What only the lost part knew ends as
    tombstones, and stays in the stores as it was (excluded = keep)."""
    pipeline = world.pipeline
    dump = postgres.dump(pipeline.dbname)
    world.trade(shop.tape[:PART])
    world.wait_noted()
    kept = lost_level(world, shop)
    pipeline.connection.close()
    postgres.load(pipeline.dbname, dump)
    pipeline.reconnect()
    world.healed({"restored"}, shop.before, lost=BORN)
    assert lost_level(world, shop) == kept
    world.trade(shop.tape[:PART])
    world.wait_noted()
    world.stop()
    pipeline.connection.close()
    postgres.load(pipeline.dbname, dump)
    world.restart()
    world.healed({"restored"}, shop.before, lost=BORN)
    world.trade(shop.tape)
    world.healed(None, shop.after)
    another_store(world, number, shop.after)


@dataclass
class Servers:
    """Odoo's servers, one after the other."""
    world: World
    shop: object
    stack: contextlib.ExitStack

    def lose(self):
        self.world.trade(self.shop.tape[:PART])
        self.world.wait_noted()

    def healed(self, *why):
        self.world.pipeline.reconnect()
        self.world.healed(set(why), self.shop.before, lost=BORN)

    def use(self, server):
        self.world.pipeline.postgres = server

    def restored_elsewhere(self, postgres):
        """Another server, which the options name from then on."""
        pipeline = self.world.pipeline
        dump = postgres.dump(pipeline.dbname)
        self.lose()
        self.world.stop()
        server = self.stack.enter_context(Postgres(settings={"full_page_writes": "off"}))
        server.load(pipeline.dbname, dump)
        self.use(server)
        pipeline.sections["odoo"]["dsn"] = server.dsn(pipeline.dbname)
        pipeline.write_config()
        self.world.restart()
        self.healed("server")
        return server

    def standby_promoted(self, server):
        """It takes the address over; both programs run."""
        standby = server.standby()
        self.stack.callback(standby.stop)
        self.lose()
        server.pause(signal.SIGQUIT)
        standby.promote()
        self.use(standby)
        self.healed("timeline")
        return standby

    def copy_put_back(self, server):
        """Identifier and timeline stay; both programs run."""
        copy = server.keep()
        self.world.pipeline.reconnect()
        self.lose()
        server.pause()
        server.put_back(copy)
        server.start()
        self.healed("restored")

    def copy_put_back_and_much_written(self, server):
        """Before a program looks, the positions of the WAL are ahead of the lost ones again."""
        pipeline = self.world.pipeline
        copy = server.keep()
        pipeline.reconnect()
        self.lose()
        lost = server.position()
        self.world.stop()
        server.pause()
        server.put_back(copy)
        server.start()
        while server.position() <= lost:
            with server.connect("postgres") as connection:
                connection.execute("CREATE TABLE filler AS SELECT generate_series(1, 20000)")
                connection.execute("DROP TABLE filler; SELECT pg_switch_wal()")
        self.world.restart()
        self.healed("restored")

    def crash(self, server):
        """A change was committed with synchronous_commit = off and published; the server crashed
        before it was written. Neither identifier nor timeline shows it. With the state inside,
        the revision's ceiling is written before a record is sent, and the change with it."""
        pipeline = self.world.pipeline
        product = a_sold_product(pipeline.connection)
        present = streams.quantity(pipeline.connection, product)
        for _ in range(10):
            before = len(pipeline.records())
            server.crash_without_writing(lambda: self.publish_unwritten(product, before))
            pipeline.reconnect()
            if streams.quantity(pipeline.connection, product) == present:
                break
            streams.add(pipeline.connection, product, -1000)
            pipeline.wait_published()
        else:
            raise AssertionError("no crash lost the change")
        self.world.healed(None, self.shop.before)

    def publish_unwritten(self, product, before):
        pipeline = self.world.pipeline
        pipeline.connection.execute("SET synchronous_commit = off")
        streams.add(pipeline.connection, product, 1000)
        wait.until(lambda: len(pipeline.records()) > before, "the change is published")


def a_sold_product(connection):
    """A plain product with stock in WH, which both stores show and which is in no kit."""
    return connection.execute("""
        SELECT min(p.id) FROM product_product p JOIN product_template t ON t.id = p.product_tmpl_id
          JOIN stock_quant q ON q.product_id = p.id
          JOIN stock_warehouse w ON w.lot_stock_id = q.location_id AND w.code = 'WH'
         WHERE p.active AND t.active AND p.shopify_product AND q.quantity > 5
           AND (SELECT count(*) FROM product_product x WHERE x.default_code = p.default_code) = 1
           AND NOT EXISTS (SELECT FROM mrp_bom b WHERE b.product_tmpl_id = t.id)
           AND NOT EXISTS (SELECT FROM mrp_bom_line l WHERE l.product_id = p.id)""").fetchone()[0]


def test_servers_that_go_back(world, shop, number, postgres):
    """Restored elsewhere; a standby promoted that lacks the last WAL; files put back; a crash that
    lost what was published. One pair of programs goes through all of it."""
    with contextlib.ExitStack() as stack:
        servers = Servers(world, shop, stack)
        server = servers.restored_elsewhere(postgres)
        server = servers.standby_promoted(server)
        servers.copy_put_back(server)
        servers.copy_put_back_and_much_written(server)
        if world.pipeline.sections.get("state"):
            servers.crash(server)
        world.trade(shop.tape)
        world.healed(None, shop.after)
        another_store(world, number, shop.after)
        world.stop()


# The topic goes


def own_config(pipeline):
    """What `install` gives a topic."""
    config = pipeline.kafka.topic_config(pipeline.topic)
    return {name: config[name] for name in ("cleanup.policy", "min.compaction.lag.ms", "segment.ms",
                                            "delete.retention.ms", "max.message.bytes")}


@dataclass
class Topics:
    """One topic, which somebody deletes again and again, while Odoo trades on."""
    world: World
    tape: list
    config: dict = None

    @property
    def kafka(self):
        return self.world.pipeline.kafka

    def part(self):
        """The next transactions; nobody waits for them to be published."""
        part, self.tape = self.tape[:30], self.tape[30:]
        assert [one for one in self.world.pipeline.replay(part) if one.error] == []

    def delete(self):
        self.kafka.delete_topic(self.world.pipeline.topic)

    def somebody_creates(self, records=0):
        """The same partitions, and as many records of a stranger's in each."""
        topic = self.world.pipeline.topic
        self.kafka.create_topic(topic, 4, self.config)
        self.kafka.fill(topic, records, STRANGER)

    def greatest_end(self):
        return max(self.kafka.end_offsets(self.world.pipeline.topic).values())

    def while_stopped(self, accident):
        self.world.stop()
        accident()
        self.part()
        self.world.restart()
        self.world.healed({"topic"})

    def while_running(self, accident):
        accident()
        self.part()
        self.world.healed({"topic"})

    @contextlib.contextmanager
    def producer_paused(self):
        """Nobody is faster than the stranger."""
        self.world.pipeline.producer.pause()
        try:
            yield
        finally:
            self.world.pipeline.producer.resume()

    def replaced(self, records=0):
        self.config = own_config(self.world.pipeline)
        self.delete()
        self.somebody_creates(records)

    def replaced_under_producer(self, records=0):
        with self.producer_paused():
            self.replaced(records)

    def overtaken(self):
        self.replaced(self.greatest_end() + 10)

    def overtaken_under_producer(self):
        self.replaced_under_producer(self.greatest_end() + 10)


def test_topic_is_deleted(simple, shop, number):
    topics = Topics(simple, shop.tape)
    topics.while_running(topics.delete)
    topics.while_stopped(topics.delete)
    topics.part()
    simple.healed(None)
    simple.trade(topics.tape)
    simple.healed(None, shop.after)
    another_store(simple, number, shop.after)


def test_topic_is_created_again_by_somebody_else(simple, shop, number):
    """Empty, and with as many records of a stranger's as would hide that ours are gone."""
    topics = Topics(simple, shop.tape)
    topics.while_stopped(topics.replaced)
    topics.while_running(topics.replaced_under_producer)
    topics.while_stopped(topics.overtaken)
    topics.while_running(topics.overtaken_under_producer)
    simple.trade(topics.tape)
    simple.healed(None, shop.after)
    another_store(simple, number, shop.after)


# Partitions


def test_more_partitions(simple, shop, number):
    """By the command: a new stream, also while both programs run. By accident: refused with the
    next step, and healed by the command."""
    pipeline = simple.pipeline
    pipeline.command("producer", "install", "--partitions", 6)
    assert pipeline.kafka.partitions(pipeline.topic) == 6
    pipeline.replay(shop.tape[:PART])
    simple.healed({"partitions"})

    assert pipeline.producer.stop() == 0
    pipeline.kafka.grow_topic(pipeline.topic, 9)
    pipeline.replay(shop.tape[PART:])
    before = len(pipeline.records())
    pipeline.producer.start(ready=False)
    shown = pipeline.producer.wait_state("waiting")
    assert "install --partitions 9" in str(shown["why"]), shown
    assert pipeline.producer.http("/readyz")[0] == 503
    text = pipeline.command("producer", "status").out
    assert "install --partitions 9" in text, text
    assert len(pipeline.records()) == before
    pipeline.command("producer", "install", "--partitions", 9)
    pipeline.producer.wait_ready()
    simple.healed({"partitions"}, shop.after)
    another_store(simple, number, shop.after)


def test_partitions_that_grow_under_a_running_producer_are_refused(simple, shop):
    """At the latest at the next look; what was published before is whole."""
    pipeline = simple.pipeline
    pipeline.kafka.grow_topic(pipeline.topic, 5)
    shown = pipeline.producer.wait_state("waiting", seconds=90)
    assert "install --partitions 5" in str(shown["why"]), shown
    before = len(pipeline.records())
    pipeline.replay(shop.tape)
    assert pipeline.producer.running
    assert len(pipeline.records()) == before
    pipeline.command("producer", "install", "--partitions", 5)
    simple.healed({"partitions"}, shop.after)


# Nothing happened


@dataclass
class Disturbances:
    """What a producer meets in its life without that its history breaks."""
    world: World

    @property
    def pipeline(self):
        return self.world.pipeline

    def stop(self):
        assert self.pipeline.producer.stop() == 0
        self.pipeline.producer.start()

    def kill(self):
        self.pipeline.producer.kill()
        self.pipeline.producer.start()

    def standby_takes_over(self):
        """The leader stands still, and the server drops it."""
        sleeper, pipeline = self.pipeline.producer, self.pipeline
        sleeper.pause()
        with pipeline.postgres.connect("postgres") as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                " AND application_name LIKE 'stocksync-producer%%'", (pipeline.dbname,))
        successor = pipeline.another_producer().start()
        sleeper.kill()
        pipeline.producer = successor

    def kafka_restarts(self):
        self.pipeline.kafka.pause()
        self.pipeline.kafka.start()

    def postgres_restarts(self):
        self.pipeline.postgres.restart()
        self.pipeline.reconnect()

    def postgres_crashes(self):
        self.pipeline.postgres.restart(signal.SIGQUIT)
        self.pipeline.reconnect()

    def installed_again(self):
        self.pipeline.install()
        self.stop()

    def cleaned(self):
        self.pipeline.command("producer", "gc")
        self.stop()

    def backup_of_the_topic_is_read(self):
        """Commands that look at everything change nothing."""
        for command in (["status"], ["check"]):
            programs.command("producer", self.pipeline.config, *command)
        self.stop()

    ALL = (stop, kill, standby_takes_over, kafka_restarts, postgres_restarts, postgres_crashes,
           cleaned, backup_of_the_topic_is_read, installed_again)


def compact(world, product):
    """The broker removes what a newer record of the same key covers."""
    pipeline = world.pipeline
    config = own_config(pipeline)
    pipeline.kafka.alter_topic(pipeline.topic, {
        "cleanup.policy": "compact", "segment.ms": "500", "min.compaction.lag.ms": "0",
        "delete.retention.ms": "100", "min.cleanable.dirty.ratio": "0.001"})
    first = pipeline.records()

    def is_cleaned():
        """Segments are rolled by what is appended later."""
        streams.add(pipeline.connection, product, 1)
        pipeline.wait_published()
        return len(pipeline.records()) < len(first)
    wait.until(is_cleaned, "the broker compacts the topic", seconds=60, every=0.6)
    pipeline.kafka.alter_topic(pipeline.topic, config)
    world.remember()


def removed_and_installed(world):
    """The state is forgotten with it: all is published again, and no revision is lower."""
    pipeline = world.pipeline
    assert pipeline.producer.stop() == 0
    pipeline.command("producer", "uninstall")
    pipeline.install()
    pipeline.producer.start()
    wait.until(lambda: world.present() is not None, "a stream begins")
    world.healed({"state"})


def test_undisturbed_stream_goes_on(shop):
    """No restart, takeover, crash, compaction or maintenance begins a stream or publishes anything
    again."""
    with Postgres() as postgres, Kafka() as kafka:
        postgres.create_database("shop")
        shop.restore(postgres, "shop")
        pipeline = Pipeline(postgres, kafka, None, "shop", "stock", [])
        try:
            pipeline.install()
            pipeline.producer.start()
            pipeline.backfill()
            pipeline.wait_published()
            world = World(pipeline)
            world.remember()
            product = a_sold_product(pipeline.connection)
            disturbances = Disturbances(world)
            for disturb in Disturbances.ALL:
                disturb(disturbances)
                world.undisturbed(pipeline.connection, product)
            compact(world, product)
            disturbances.kill()
            world.undisturbed(pipeline.connection, product)
            removed_and_installed(world)
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            pipeline.close()


def test_empty_partitions_are_no_accident(make_pipeline, database):
    """Many partitions, most of them empty."""
    pipeline = make_pipeline(database, options={"topic": {"partitions": 200}})
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    assert 0 in pipeline.kafka.end_offsets(pipeline.topic).values()
    world = World(pipeline)
    world.remember()
    Disturbances(world).kill()
    world.undisturbed(pipeline.connection, a_sold_product(pipeline.connection))


def test_older_files_of_the_broker_are_put_back(number, shop, database, postgres, simulator):
    """A product that Odoo deleted meanwhile is in these files: its tombstone is written again."""
    with Kafka() as kafka:
        pipeline = Pipeline(postgres, kafka, simulator, database, "stock",
                            [outlet(number), wholesale(number)])
        try:
            pipeline.open_shops().install()
            world = World(pipeline).begin(shop.before)
            files = kafka.keep()
            world.trade(shop.tape[:PART])
            kafka.put_back(files)
            world.healed({"topic"})
            gone = record.latest(world.stocks())[123]
            assert gone.gone
            world.trade(shop.tape[PART:])
            world.stop()
            kafka.put_back(files)
            world.restart()
            world.healed({"topic"}, shop.after)
            another_store(world, number, shop.after)
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            pipeline.close()
