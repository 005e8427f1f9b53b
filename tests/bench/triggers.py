"""triggers: what our triggers cost Odoo. PostgreSQL alone: no Kafka, no program runs.

Slices without and with our triggers on stock_quant (the other tables that are written have none) take
turns; a figure compares neighbours in time, so that a machine that slows down slows both. The triggers
of one table are switched off and on under the same backends: two backends differ by more than a trigger
costs, by where their memory lies. The marks are left lying.

A delivery as data set a recorded them: 11 writes of transaction 183 (two moves; six of the writes
go to stock_quant: four append marks, two change nothing that counts). Half of the recorded deliveries
have 15 writes or more, and fewer of them go to stock_quant. The tape has no reads, so they are added
as Odoo's code does them: 19 statements that read the picking, its moves, lines, products, units and
locations, gather the quants of each move's product in both locations, and lock the one to be written,
SKIP LOCKED. With BEGIN and COMMIT 32 statements in one snapshot, simple protocol, as psycopg2 sends
them. Odoo itself spends most of a delivery in Python, between the statements; that time is left out,
so the share of the triggers is larger here than in any shop. Each client has pickings of its own
(chosen at random, validated again and again) and meets the others in the quants only.
"""

import glob
import math
import os
import random
import re
import statistics
import time
from dataclasses import dataclass

from lab import odoo, process, programs

from . import machine, report, shop

DATABASE = "triggers"
# Which triggers on stock_quant are on. `least` is the least that leaves a mark in PL/pgSQL: no
# question, one integer into a table without index, defaults or sequence. What our own costs above
# that is our doing; the rest is this PostgreSQL on this machine.
STATES = {"without": (), "with": ("stocksync_mark", "stocksync_mark_update"),
          "least": ("least_mark",)}
LEAST_TRIGGER = """
CREATE TABLE public.least_mark (product_id integer);
CREATE FUNCTION public.least_mark() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.least_mark (product_id) VALUES (NEW.product_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER least_mark AFTER UPDATE ON public.stock_quant
    FOR EACH ROW EXECUTE PROCEDURE public.least_mark()
"""
CLIENTS = (1, 8, 32)
CLIENTS_MOST = max(CLIENTS)
PICKINGS = 400              # of each client
FIRST_PICKING = 200000
FIRST_MOVE = 500000
STRIDE = 7919               # prime: neighbours in time are strangers in the tables
SOURCE = shop.FIRST_LOCATION + 11
KIT_PARTS = 16
HELD_MS = 20
WARM_UP_S = 3               # connections, plans, caches
SETTLE_S = 0.2              # after a switch: it waits for open transactions, then plans are made

SHARE_KEPT, UPDATE_US = 0.95, 25

# Open deliveries from the first warehouse's stock: two moves each, with one line each. A product has
# a quant at the customers' when its number is even.
TABLES = f"""
SET session_replication_role = replica;
INSERT INTO public.stock_picking
       (id, name, move_type, state, priority, location_id, location_dest_id, picking_type_id,
        company_id, is_locked, immediate_transfer, scheduled_date, date)
SELECT {FIRST_PICKING} + p, 'B1/OUT/' || p, 'direct', 'assigned', '0', {SOURCE}, 5, 1,
       {shop.COMPANY}, true, false, now(), now()
  FROM generate_series(0, {PICKINGS * CLIENTS_MOST} - 1) p;
INSERT INTO public.stock_move
       (id, name, sequence, priority, date, company_id, product_id, product_qty, product_uom_qty,
        product_uom, location_id, location_dest_id, picking_id, state, procure_method, scrapped,
        picking_type_id, is_inventory, additional, reference, is_done)
SELECT {FIRST_MOVE} + m, 'Generated product', 10, '0', now(), {shop.COMPANY},
       {shop.FIRST_PRODUCT} + m * {STRIDE} %% %(span)s, 1, 1, 1, {SOURCE}, 5,
       {FIRST_PICKING} + m / 2, 'assigned', 'make_to_stock', false, 1, false, false,
       'B1/OUT/' || m / 2, false
  FROM generate_series(0, {2 * PICKINGS * CLIENTS_MOST} - 1) m;
INSERT INTO public.stock_move_line
       (id, picking_id, move_id, company_id, product_id, product_uom_id, product_qty,
        product_uom_qty, qty_done, date, location_id, location_dest_id, state, reference)
SELECT m.id, m.picking_id, m.id, m.company_id, m.product_id, 1, 1, 1, 0, now(), {SOURCE}, 5,
       'assigned', m.reference
  FROM public.stock_move m;
INSERT INTO public.stock_quant
       (id, product_id, location_id, quantity, reserved_quantity, in_date, inventory_quantity_set)
SELECT nextval('public.stock_quant_id_seq'), {shop.FIRST_PRODUCT} + n, 5, 1, 0, now(), false
  FROM generate_series(0, %(span)s - 1, 2) n;

INSERT INTO public.mrp_bom
       (id, type, product_tmpl_id, product_qty, product_uom_id, ready_to_produce, consumption, active)
VALUES (1, 'phantom', {shop.FIRST_TEMPLATE} + {KIT_PARTS}, 1, 1, 'all_available', 'warning', true);
INSERT INTO public.mrp_bom_line (id, bom_id, product_id, product_qty, product_uom_id)
SELECT n + 1, 1, {shop.FIRST_PRODUCT} + n, 1, 1 FROM generate_series(0, {KIT_PARTS} - 1) n;
"""

# A place of a quant: Odoo looks for the quants, then locks the one that it will write.
GATHER = """
SELECT id, quantity, reserved_quantity FROM public.stock_quant
 WHERE product_id = :{product} AND location_id = {location} AND lot_id IS NULL
   AND package_id IS NULL AND owner_id IS NULL ORDER BY in_date, id;
"""
LOCK = """
SELECT coalesce(max(id), 0) AS {name} FROM (
    SELECT id FROM public.stock_quant WHERE id = (
        SELECT id FROM public.stock_quant
         WHERE product_id = :{product} AND location_id = {location} AND lot_id IS NULL
           AND package_id IS NULL AND owner_id IS NULL ORDER BY in_date, id LIMIT 1)
    FOR NO KEY UPDATE SKIP LOCKED) found \\gset
"""
NEW_QUANT = """
INSERT INTO public.stock_quant
       (id, create_date, create_uid, in_date, inventory_quantity_set, location_id, product_id,
        quantity, reserved_quantity, write_date, write_uid)
VALUES (nextval('public.stock_quant_id_seq'), now(), 1, now(), false, {location}, :{product},
        {quantity}, 0, now(), 1) RETURNING id AS {name} \\gset
"""


def take(product, name):
    """A move leaves the stock: another row when somebody else holds the quant."""
    return (GATHER.format(product=product, location=SOURCE)
            + LOCK.format(name=name, product=product, location=SOURCE)
            + f"\\if :{name}\n"
            + "UPDATE public.stock_quant SET quantity = quantity - 1, reserved_quantity = "
              f"reserved_quantity - 1, write_date = now(), write_uid = 1 WHERE id IN (:{name});\n"
            + "\\else"
            + NEW_QUANT.format(product=product, location=SOURCE, quantity=-1, name=name)
            + "\\endif\n"
            # The reservation is taken back in the same row: gathered once more.
            + GATHER.format(product=product, location=SOURCE))


DELIVERY = (f"""
\\set picking {FIRST_PICKING} + :client_id * {PICKINGS} + random(0, {PICKINGS - 1})
\\set m1 {FIRST_MOVE} + (:picking - {FIRST_PICKING}) * 2
\\set m2 :m1 + 1
\\set p1 {shop.FIRST_PRODUCT} + (:m1 - {FIRST_MOVE}) * {STRIDE} % :span
\\set p2 {shop.FIRST_PRODUCT} + (:m2 - {FIRST_MOVE}) * {STRIDE} % :span
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM public.stock_picking WHERE id IN (:picking);
SELECT id FROM public.stock_move WHERE picking_id IN (:picking) ORDER BY sequence, id;
SELECT * FROM public.stock_move WHERE id IN (:m1, :m2);
SELECT id FROM public.stock_move_line WHERE picking_id IN (:picking) ORDER BY id;
SELECT * FROM public.stock_move_line WHERE id IN (:m1, :m2);
SELECT * FROM public.product_product WHERE id IN (:p1, :p2);
SELECT t.* FROM public.product_template t JOIN public.product_product p ON p.product_tmpl_id = t.id
 WHERE p.id IN (:p1, :p2);
SELECT * FROM public.uom_uom WHERE id IN (1);
SELECT * FROM public.stock_location WHERE id IN ({SOURCE}, 5);
UPDATE public.stock_move_line SET qty_done = 1, write_date = now(), write_uid = 1 WHERE id IN (:m1);
UPDATE public.stock_move_line SET qty_done = 1, write_date = now(), write_uid = 1 WHERE id IN (:m2);
""" + take("p1", "q1") + GATHER.format(product="p1", location=5)
    + LOCK.format(name="c1", product="p1", location=5)
    + "\\if :c1\nUPDATE public.stock_quant SET quantity = quantity + 1, write_date = now(),"
      " write_uid = 1 WHERE id IN (:c1);\n\\else"
    + NEW_QUANT.format(product="p1", location=5, quantity=1, name="c1") + "\\endif\n"
    + take("p2", "q2") + GATHER.format(product="p2", location=5)
    + NEW_QUANT.format(product="p2", location=5, quantity=1, name="c2") + """
UPDATE public.stock_quant SET company_id = NULL, write_date = now(), write_uid = 1 WHERE id IN (:c2);
UPDATE public.stock_quant SET inventory_diff_quantity = -1, write_date = now(), write_uid = 1
 WHERE id IN (:c2);
SELECT state FROM public.stock_move WHERE picking_id IN (:picking);
UPDATE public.stock_picking SET date_done = now(), state = 'done', write_date = now(), write_uid = 1
 WHERE id IN (:picking);
UPDATE public.stock_move SET date = now(), is_done = true, state = 'done', write_date = now(),
       write_uid = 1 WHERE id IN (:m1, :m2);
UPDATE public.stock_move_line SET date = now(), product_qty = 0, product_uom_qty = 0, state = 'done',
       write_date = now(), write_uid = 1 WHERE id IN (:m1, :m2);
COMMIT;
""")

# Each client changes a component of its own; the kit is the same.
COMPONENT = f"""
\\set quant {shop.FIRST_QUANT} + :client_id * {shop.WAREHOUSES}
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 FROM public.stock_quant WHERE id = :quant FOR UPDATE NOWAIT;
UPDATE public.stock_quant SET quantity = quantity + 1, write_date = now() WHERE id = :quant;
\\sleep {HELD_MS} ms
COMMIT;
"""

# Now and then two clients want one quant: what fails without our doing.
SHARED = COMPONENT.replace(":client_id", "random(0, 999)").replace(
    "SELECT 1 FROM public.stock_quant WHERE id = :quant FOR UPDATE NOWAIT;\n", "")

# A write that counts, and one that does not: most of Odoo's writes to stock_quant are of either kind.
WRITE = f"""
\\set quant {shop.FIRST_QUANT} + random(0, :span - 1) * {shop.WAREHOUSES}
UPDATE public.stock_quant SET %s, write_date = now() WHERE id = :quant;
"""
WRITES = {"one row": WRITE % "quantity = quantity + 1",
          "one row, no quantity": WRITE % "inventory_diff_quantity = -1"}
# The CPU of a backend that never waits. Waiting for the disk costs both the same, and unevenly.
AT_ONCE = ("-M", "prepared"), {"PGOPTIONS": "-c synchronous_commit=off"}


def cpu_us(pid):
    """Time that the process has had a core, in the kernel or not."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1000


@dataclass(frozen=True)
class Count:
    """Transactions that committed, and that failed; CPU of their backends."""
    done: int
    failed: int
    cpu_us: float = 0

    @property
    def failed_percent(self):
        return self.failed / max(1, self.done + self.failed) * 100


class Bench:
    """pgbench with one script."""

    def __init__(self, postgres, directory, name, clients, span, options, env=None):
        self._postgres, self._clients = postgres, clients
        self._prefix = os.path.join(directory, name)
        self.child = process.Child(
            [postgres.binary("pgbench"), "-n", "-c", clients, "-j", min(clients, 2), "-D",
             f"span={span}", "-f", os.path.join(directory, name + ".sql"), "-l", "--log-prefix",
             self._prefix, *options, "-h", postgres.sockets, "-p", postgres.port, "-U", "postgres",
             DATABASE], self._prefix + ".out", env={**os.environ, **(env or {})})
        self._pids = []

    def cpu_us(self):
        """Time that its backends have had a core, in the kernel or not."""
        if not self._pids:
            with self._postgres.connect("postgres") as connection:
                self._pids = [pid for pid, in connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name ="
                    " 'pgbench'", (DATABASE,))]
            if len(self._pids) != self._clients:
                raise RuntimeError(f"{len(self._pids)} backends:\n{self.child.tail()}")
        return sum(cpu_us(pid) for pid in self._pids)

    def wait(self, seconds):
        code = self.child.wait(seconds)
        if code != 0:
            raise RuntimeError(f"pgbench ended with {code}:\n{self.child.tail()}")

    def ends(self):
        """[(wall time, whether it committed)] of all transactions, in order."""
        rows = []
        for name in glob.glob(self._prefix + ".[0-9]*"):
            with open(name, encoding="ascii") as file:
                for line in file:
                    _, _, took, _, seconds, micros = line.split()[:6]
                    rows.append((int(seconds) + int(micros) / 1e6, took != "failed"))
            os.remove(name)
        return sorted(rows)


def write_script(directory, name, text):
    with open(os.path.join(directory, name + ".sql"), "w", encoding="ascii") as file:
        file.write(text)


def counted(ends, since=float("-inf"), until=float("inf"), used_us=0.0):
    kept = [committed for at, committed in ends if since <= at < until]
    return Count(sum(kept), len(kept) - sum(kept), used_us)


def switch(connection, state):
    connection.execute("; ".join(
        f"ALTER TABLE public.stock_quant {'ENABLE' if wanted == state else 'DISABLE'} TRIGGER {name}"
        for wanted, names in STATES.items() for name in names))


def turns(servers, directory, name, clients, wanted, count, seconds, options=(), env=None):
    """{state: [Count]} of `count` slices in each state, in random order within each turn."""
    lasts = math.ceil(WARM_UP_S + len(wanted) * count * (seconds + SETTLE_S + 0.2) + 1)
    slices = {state: [] for state in wanted}
    order, shuffle = list(wanted), random.Random(1).shuffle
    bench = Bench(servers.postgres, directory, name, clients, servers.span, ("-T", lasts, *options),
                  env)
    try:
        time.sleep(WARM_UP_S)
        with servers.postgres.connect(DATABASE) as connection:
            for _ in range(count):
                shuffle(order)
                for state in order:
                    switch(connection, state)
                    time.sleep(SETTLE_S)
                    before, began = bench.cpu_us(), time.time()
                    time.sleep(seconds)
                    slices[state].append((began, time.time(), bench.cpu_us() - before))
        bench.wait(60)
    finally:
        bench.child.kill()
    ends = bench.ends()
    return {state: [counted(ends, *one) for one in ours] for state, ours in slices.items()}


def install(postgres, directory):
    """The triggers, by the program."""
    config = programs.write_config(os.path.join(directory, "stocksync.ini"), {
        "odoo": {"dsn": postgres.dsn(DATABASE)}, "kafka": {"bootstrap.servers": "127.0.0.1:9"}})
    result = programs.command("producer", config, "install")
    if result.code != 0:
        raise RuntimeError(f"install ended with {result.code}:\n{result.text}")


def prepare(postgres, directory, span):
    shop.create(postgres, DATABASE)
    with postgres.connect(DATABASE) as connection:
        connection.execute(TABLES % {"span": span})
        install(postgres, directory)
        connection.execute(LEAST_TRIGGER)
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")


def total(counts):
    return Count(*(sum(column) for column in zip(
        *((one.done, one.failed, one.cpu_us) for one in counts))))


def deliveries(servers, directory, result):
    count, seconds = (40, 1) if servers.seconds >= 60 else (5, 0.5)
    write_script(directory, "delivery", DELIVERY)
    for clients in CLIENTS:
        print(f"triggers: delivery: {clients} clients", flush=True)
        usage = machine.Usage(servers.processes())
        taken = turns(servers, directory, "delivery", clients, ("without", "with"), count, seconds)
        used = usage.stop()
        without, with_them = (total(counts) for counts in taken.values())
        ratios = [two.done / max(1, one.done) for one, two in zip(*taken.values())]
        name = f"delivery/{clients}"
        result.add(f"{name} without", round(without.done / count / seconds), "1/s")
        result.add(f"{name} with", round(with_them.done / count / seconds), "1/s")
        result.add(f"{name} kept", round(statistics.median(ratios), 3), "", at_least=SHARE_KEPT)
        result.add(f"{name} kept, all slices", round(with_them.done / without.done, 3), "")
        for state, one in (("without", without), ("with", with_them)):
            result.add(f"{name} {state}, each", round(one.cpu_us / one.done / 1000, 2), "ms CPU")
        result.add(f"{name} failed without", round(without.failed_percent, 2), "%")
        result.add(f"{name} failed with", round(with_them.failed_percent, 2), "%")
        result.add_usage(name, used)


def single_updates(servers, directory, result):
    """CPU of the backend for each autocommitted UPDATE, one client; not the client's."""
    count, seconds = (40, 0.5) if servers.seconds >= 60 else (5, 0.5)
    for name, text in WRITES.items():
        print(f"triggers: {name}", flush=True)
        file = re.sub("[^a-z]+", "-", name)
        write_script(directory, file, text)
        usage = machine.Usage(servers.processes())
        taken = turns(servers, directory, file, 1, STATES, count, seconds, *AT_ONCE)
        used = usage.stop()
        costs = {state: [one.cpu_us / one.done for one in counts]
                 for state, counts in taken.items()}
        # Whoever else uses the machine can only add to a slice.
        cheapest = {state: report.percentile(sorted(each), 10) for state, each in costs.items()}
        for state in ("without", "with"):
            result.add(f"{name} {state}", round(statistics.median(costs[state]), 1), "us CPU")
            result.add(f"{name} {state}, least disturbed", round(cheapest[state], 1), "us CPU")
        for state, words in (("with", "added"), ("least", "added by the least trigger there can be")):
            added = statistics.median(
                two - one for one, two in zip(costs["without"], costs[state]))
            target = UPDATE_US if (name, state) == ("one row", "with") else None
            result.add(f"{name} {words}", round(added, 1), "us CPU", at_most=target)
            result.add(f"{name} {words}, least disturbed",
                       round(cheapest[state] - cheapest["without"], 1), "us CPU")
        result.add_usage(name, used)


def conflicts(servers, directory, result):
    """How many transactions end with 40001."""
    rounds, each = (3, 120) if servers.seconds >= 60 else (1, 30)
    for title, text, clients in (("kit/2", COMPONENT, 2), ("kit/16", COMPONENT, 16),
                                 ("shared/16", SHARED, 16)):
        print(f"triggers: {title}: transactions held for {HELD_MS} ms", flush=True)
        name = title.replace("/", "-")
        write_script(directory, name, text)
        counts = {"without": [], "with": []}
        with servers.postgres.connect(DATABASE) as connection:
            for state in list(counts) * rounds:
                switch(connection, state)
                bench = Bench(servers.postgres, directory, name, clients, servers.span,
                              ("-t", each))
                bench.wait(60)
                counts[state].append(counted(bench.ends()))
        without, with_them = (total(one) for one in counts.values())
        if without.done + without.failed != rounds * each * clients:
            raise RuntimeError(f"{title}: pgbench logged {without}")
        result.add(f"{title} transactions", rounds * each * clients, "")
        result.add(f"{title} failed without", without.failed, "")
        result.add(f"{title} failed with", with_them.failed, "",
                   at_most=0 if text is COMPONENT else None)


def check_marks(postgres):
    """The triggers did run."""
    with postgres.connect(DATABASE) as connection:
        if odoo.count_marks(connection) == 0:
            raise RuntimeError("no mark was left: nothing was measured")


def run(servers):
    result = report.Report("triggers", {**servers.conditions, "products": servers.products,
                                        "products_changed": servers.span})
    directory = process.scratch("stocksync-bench-")
    try:
        prepare(servers.postgres, directory, servers.span)
        deliveries(servers, directory, result)
        single_updates(servers, directory, result)
        conflicts(servers, directory, result)
        check_marks(servers.postgres)
    finally:
        process.remove(directory)
        servers.postgres.drop_database(DATABASE)
    return result
