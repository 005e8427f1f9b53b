"""Odoo's workers: threads that write and read as Odoo does, and remember failures and delays."""

import random
import threading
import time

import psycopg


class Workers:
    """`with Workers(postgres, dbname) as odoo:`; each has rows of its own, so that none of them
    stops another one. One more thread writes a table of its own: how long that takes is the
    machine's doing.
    """

    def __init__(self, postgres, dbname, count=8):
        self.postgres, self.dbname = postgres, dbname
        self.failures = []        # (seconds since start, statement, error)
        self.stalls = []          # (seconds, statement) over 50 ms
        self.noise = 0.0          # the slowest statement on the table of nobody else
        self.transactions = 0
        self.began = time.monotonic()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._work, args=(i, count), daemon=True)
                         for i in range(count)]
        self._threads.append(threading.Thread(target=self._control, daemon=True))

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def longest(self):
        """Seconds and statement of the longest delay."""
        return max(self.stalls, default=(0.0, ""))

    def forget(self):
        """Counts from now on."""
        with self._lock:
            self.stalls.clear()
            self.noise = 0.0

    def _run(self, connection, statement, parameters=None):
        begun = time.monotonic()
        try:
            return connection.execute(statement, parameters)
        finally:
            took = time.monotonic() - begun
            if took > 0.05:
                with self._lock:
                    self.stalls.append((took, statement))

    def _statements(self, rng, rows):
        quant, move, product = (rng.choice(rows[name]) for name in ("quant", "move", "product"))
        writes = [
            ("SELECT id FROM stock_quant WHERE id = %s FOR UPDATE NOWAIT", quant),
            ("UPDATE stock_quant SET quantity = quantity + 1 WHERE id = %s", quant),
            ("SELECT p.*, t.* FROM product_product p JOIN product_template t"
             " ON t.id = p.product_tmpl_id WHERE p.id < %s", 50),
            ("UPDATE stock_move SET product_qty = product_qty + 1 WHERE id = %s", move),
            ("UPDATE product_product SET default_code = default_code WHERE id = %s", product),
            ("SELECT count(*) FROM mrp_bom b JOIN mrp_bom_line l ON l.bom_id = b.id WHERE b.id < %s",
             30),
            ("SELECT * FROM uom_uom u, stock_location l, stock_warehouse w WHERE u.id = %s LIMIT 9",
             1),
            ("SELECT value FROM ir_config_parameter WHERE id = %s", 1),
        ]
        if rng.random() < 0.7:      # Odoo's order; the others cross it
            return writes
        rng.shuffle(writes)
        return writes

    def _rows(self, connection, number, count):
        rows = {}
        for name, table in (("quant", "stock_quant"), ("move", "stock_move"),
                            ("product", "product_product")):
            rows[name] = [one for one, in connection.execute(
                f"SELECT id FROM {table} WHERE id %% %s = %s ORDER BY id LIMIT 20",
                (count, number))]
        connection.commit()
        return rows

    def _work(self, number, count):
        rng = random.Random(number)
        with self.postgres.connect(self.dbname, autocommit=False) as connection:
            connection.prepare_threshold = None    # as psycopg2, which Odoo uses
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            rows = self._rows(connection, number, count)
            while not self._stop.is_set():
                statement = ""
                try:
                    for statement, parameter in self._statements(rng, rows):
                        self._run(connection, statement, (parameter,))
                        self._stop.wait(rng.uniform(0.0, 0.015))     # Python at work
                    connection.commit()
                    self.transactions += 1
                except psycopg.Error as error:
                    connection.rollback()
                    self.failures.append((round(time.monotonic() - self.began, 1), statement,
                                          f"{error.sqlstate}: {error}"))

    def _control(self):
        with self.postgres.connect(self.dbname) as connection:
            connection.execute("CREATE TEMP TABLE mine AS SELECT 1 AS one")
            while not self._stop.is_set():
                begun = time.monotonic()
                connection.execute("UPDATE mine SET one = one + 1")
                with self._lock:
                    self.noise = max(self.noise, time.monotonic() - begun)
                self._stop.wait(0.01)
