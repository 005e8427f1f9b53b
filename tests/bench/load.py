"""Odoo at work, generated: commits at a given rate, whatever the answers take (open loop), by pgbench.

pgbench costs a fraction of what the same load costs in Python, and logs the wall time just after each
COMMIT returned. Which product a transaction changes follows from its number within its client, so the
log names products without carrying them.
"""

import glob
import os
from dataclasses import dataclass

from lab import process, wait

from . import shop

CLIENTS = 4
STRIDE = 7919   # prime: neighbours in time are strangers in the tables

# What Odoo 15 sends when a move is done: it locks the quant, writes it and commits, REPEATABLE READ.
# Clients never meet in a row: their numbers differ modulo CLIENTS, and so do their products'.
SCRIPT = f"""
\\set k :k + 1
\\set n (:k * {CLIENTS} + :client_id) * {STRIDE} % :span
\\set quant {shop.FIRST_QUANT} + :n * {shop.WAREHOUSES} + :n % {shop.WAREHOUSES}
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 1 FROM public.stock_quant WHERE id = :quant FOR UPDATE NOWAIT;
UPDATE public.stock_quant SET quantity = quantity + 1, write_date = now() WHERE id = :quant;
COMMIT;
"""


@dataclass(frozen=True)
class Commit:
    """One commit: which product (its number), when COMMIT returned (µs), the product's how manyth."""
    number: int
    at_us: int
    count: int


class Load:
    """Runs `seconds` of load against a database; commits() afterwards.

    span  how many products take part: each is changed again and again
    """

    def __init__(self, postgres, dbname, directory, span, per_s, seconds):
        if span % CLIENTS:
            raise ValueError(f"span {span} is no multiple of {CLIENTS}")
        self._span = span
        self._prefix = os.path.join(directory, f"load-{dbname}")
        script = self._prefix + ".sql"
        with open(script, "w", encoding="ascii") as file:
            file.write(SCRIPT)
        self._seconds = seconds
        self.child = process.Child(
            [postgres.binary("pgbench"), "-n", "-M", "prepared", "-c", CLIENTS, "-j", 1, "-T",
             seconds, "--rate", per_s, "-D", "k=0", "-D", f"span={span}", "-f", script, "-l",
             "--log-prefix", self._prefix, "-h", postgres.sockets, "-p", postgres.port,
             "-U", "postgres", dbname], self._prefix + ".log")

    def wait(self, at_end):
        """Waits for the end; what at_end() returns, called while the process can still be asked what
        it cost."""
        wait.until(self._has_ended, "pgbench ends", seconds=self._seconds + 60, every=0.1)
        result = at_end()
        code = self.child.wait()
        if code != 0:
            raise RuntimeError(f"pgbench ended with {code}:\n{self.child.tail()}")
        return result

    def _has_ended(self):
        return os.waitid(os.P_PID, self.child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def commits(self):
        """In order of their time."""
        rows = []
        for name in glob.glob(self._prefix + ".[0-9]*"):
            with open(name, encoding="ascii") as file:
                for line in file:
                    client, k, _, _, seconds, micros = line.split()[:6]
                    number = (int(k) * CLIENTS + int(client)) * STRIDE % self._span
                    rows.append((int(seconds) * 1000000 + int(micros), number))
        counts, result = {}, []
        for at_us, number in sorted(rows):
            counts[number] = counts.get(number, 0) + 1
            result.append(Commit(number, at_us, counts[number]))
        return result
