"""One Odoo database, one topic, some stores, both programs: put together, run, checked."""

import os
import time

from . import checks, kafka as kafka_module, odoo, process, programs, record, stores, wait


class Pipeline:
    """Everything between one recorded shop and its simulated stores.

    postgres, kafka, simulator  running servers, shared with others
    dbname     a database that holds the shop and is ours alone
    topic      ours alone too; so are the stores' names (they name consumer groups and shops)
    options    {section: {key: value}} over the ones made here
    """

    def __init__(self, postgres, kafka, simulator, dbname, topic, store_list, options=None,
                 directory=None):
        self.postgres, self.kafka, self.simulator = postgres, kafka, simulator
        self.dbname, self.topic, self.stores = dbname, topic, list(store_list)
        self._temporary = directory is None
        self.directory = directory or process.scratch("stocksync-run-")
        os.makedirs(self.directory, exist_ok=True)
        self.config = os.path.join(self.directory, "stocksync.ini")
        self.connection = postgres.connect(dbname)
        self.parents_group = f"stocksync-parents-{topic}"
        self.skus = stores.skus_of(self.connection)
        self.codes = odoo.warehouses(self.connection)
        self.sections = self._sections(options or {})
        self.write_config()
        self._started = []     # every program of ours, running or not
        self.producer = self._program("producer")
        self.consumer = self._program("consumer")
        self.parents = self.another_consumer("run", "--role", "parents")

    def _sections(self, options):
        sections = {
            "odoo": {"dsn": self.postgres.dsn(self.dbname)},
            # how long a killed process keeps its partitions: many tests wait for its end
            "kafka": {"bootstrap.servers": self.kafka.bootstrap, "session.timeout.ms": 6000},
            "topic": {"name": self.topic, "partitions": 4},
            "producer": {"listen": f"127.0.0.1:{process.free_port()}"},
            "consumer": {"listen": f"127.0.0.1:{process.free_port()}",
                         "parents_group": self.parents_group},
        }
        for store in self.stores:
            sections[f"store.{store.name}"] = store.section(self.simulator, self.directory)
        for section, more in options.items():
            sections.setdefault(section, {}).update(more)
        return sections

    def write_config(self):
        return programs.write_config(self.config, self.sections)

    def _program(self, name):
        program = programs.Program(name, self.config, os.path.join(self.directory, f"{name}.log"),
                                   self.sections[name]["listen"])
        self._started.append(program)
        return program

    def shorten_sessions(self):
        """A killed consumer keeps its partitions for 3 s; for tests in which nothing is paused."""
        self.sections["kafka"].update({"session.timeout.ms": 3000, "heartbeat.interval.ms": 1000})
        self.write_config()

    def open_shops(self, plan="standard", latency_ms=0):
        for store in self.stores:
            store.open_shop(self.simulator, self.skus, plan, latency_ms)
        return self

    def another_producer(self):
        """A second producer of the same configuration, at an address of its own; not started."""
        listen = f"127.0.0.1:{process.free_port()}"
        config = programs.write_config(
            os.path.join(self.directory, f"another-{listen[10:]}.ini"),
            {**self.sections, "producer": {**self.sections["producer"], "listen": listen}})
        another = programs.Program("producer", config, f"{config}.log", listen)
        self._started.append(another)
        return another

    def another_consumer(self, *arguments):
        """A further consumer of the same configuration, at an address of its own; not started."""
        listen = f"127.0.0.1:{process.free_port()}"
        config = programs.write_config(
            os.path.join(self.directory, f"another-{listen[10:]}.ini"),
            {**self.sections, "consumer": {**self.sections["consumer"], "listen": listen}})
        another = programs.Program("consumer", config, f"{config}.log", listen, arguments)
        self._started.append(another)
        return another

    def reconnect(self):
        """After the server was restarted."""
        self.connection = self.postgres.connect(self.dbname)

    def command(self, program, *arguments, seconds=60.0):
        """Runs a command that must succeed."""
        result = programs.command(program, self.config, *arguments, seconds=seconds)
        if result.code != 0:
            raise AssertionError(f"{program} {' '.join(map(str, arguments))} ended with "
                                 f"{result.code}:\n{result.text}")
        return result

    def install(self):
        return self.command("producer", "install")

    def backfill(self):
        return self.command("producer", "backfill", "--all")

    def start(self):
        self.producer.start()
        self.consumer.start()
        return self

    def alive(self):
        """Raises when the producer or the consumer ended by itself."""
        self.producer.alive()
        self.consumer.alive()

    def replay(self, tape, before_each=None):
        with self.postgres.connect(self.dbname) as connection:
            return odoo.replay(connection, tape, before_each)

    # Where it stands

    def marks(self):
        return odoo.count_marks(self.connection)

    def records(self):
        return self.kafka.records(self.topic)

    def wait_published(self, seconds=60.0):
        """No mark waits: every change is in the topic for good."""
        wait.until(lambda: self.marks() == 0, lambda: f"{self.marks()} marks still wait",
                   seconds=seconds, alive=self.alive)

    def wait_settled(self, seconds=120.0):
        """No mark waits, and every group is through with the topic; the records."""
        deadline = time.monotonic() + seconds
        while True:
            self.wait_published(seconds)
            records = self.records()
            ends = kafka_module.last_offsets(records)
            if self.parents_run():
                self._wait_through(self.parents_group, ends, seconds)
                if self.marks() or kafka_module.last_offsets(self.records()) != ends:
                    if time.monotonic() > deadline:
                        raise wait.Expired(f"marks and records still come after {seconds:g} s")
                    continue
            for store in self.stores:
                self._wait_through(store.group, ends, seconds)
            return records

    def _wait_through(self, group, ends, seconds):
        wait.until(lambda: not self.kafka.unread(group, self.topic, ends),
                   lambda: f"group {group} is not through with the topic", seconds=seconds,
                   alive=self.alive)

    def parents_run(self):
        """Whether one of our consumers has role parents."""
        return any(program.running and program.program == "consumer"
                   and ("parents" in program.arguments
                        or not {"--store", "--role"} & set(program.arguments))
                   for program in self._started)

    # Whether it is right

    def expected(self, store, products, leave_out=()):
        if store.basis == "free_confirmed":
            products = odoo.with_free_confirmed(self.connection, products)
        return store.expected(products, self.skus, self.codes, leave_out)

    def compare_levels(self, store, products, leave_out=()):
        """(levels that are right, levels looked at, differences)"""
        expected = self.expected(store, products, leave_out)
        differences = checks.levels_equal(self.simulator.levels(store.name), expected,
                                          store.quantity)
        return len(expected) - len(differences), len(expected), differences

    def check(self, products, leave_out=(), records=None):
        """The final checker: topic, revisions, marks, levels, journals."""
        stocks = record.decode_all(self.records() if records is None else records)
        checks.expect(checks.no_marks_left(self.connection), "marks")
        checks.expect(checks.revisions_rise(stocks), "revisions")
        checks.expect(checks.topic_equals_database(stocks, self.connection, leave_out),
                      "topic and database")
        for store in self.stores:
            _, total, differences = self.compare_levels(store, products, leave_out)
            checks.expect(differences, f"levels of {store.name}")
            if total == 0:
                raise AssertionError(f"store {store.name}: nothing was compared")
            journal = self.simulator.journal(store.name)
            checks.expect(checks.journal_in_order(journal, stocks, store, self.skus, self.codes),
                          f"journal of {store.name}")
            checks.expect(checks.one_effect_for_each_key(journal,
                                                         self.simulator.requests(store.name)),
                          f"keys of {store.name}")
        return stocks

    def logs(self):
        """Both programs' last words, for a failed test."""
        return "\n".join(f"--- {program.log}\n{program.tail(120)}"
                         for program in self._started if program.child)

    def close(self):
        """Ends what still runs; the directory goes, unless it was given."""
        for program in self._started:
            if program.running:
                program.kill()
        self.connection.close()
        if self._temporary:
            process.remove(self.directory)
