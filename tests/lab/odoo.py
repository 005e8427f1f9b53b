"""Odoo's side, recorded: a shop's database, its business transactions, and Odoo's own numbers.

The data sets lie in tests/data; their README says where they come from. A tape is the list of row
changes that Odoo committed after the base was taken. An oracle is what Odoo's own fields returned.
"""

import functools
import gzip
import json
import math
import os
import re
import time
from dataclasses import dataclass, replace

import psycopg

from . import process

MARKS = "stock_availability_dirty_shopify"
# Where stock_quant's triggers leave theirs.
QUANT_MARKS = MARKS + "_quant"


@dataclass(frozen=True)
class Transaction:
    """One of Odoo's transactions: BEGIN … COMMIT as it was sent."""
    number: int
    kind: str
    text: str


@dataclass(frozen=True)
class Outcome:
    """How a replayed transaction ended; committed_at is our clock just after COMMIT returned."""
    number: int
    kind: str
    error: str
    committed_at: float


@dataclass(frozen=True)
class Numbers:
    """Odoo's answer for one product in one warehouse; free_confirmed is no answer of Odoo's."""
    on_hand: float
    free: float
    incoming: float
    outgoing: float
    forecast: float
    free_confirmed: float = None


@dataclass(frozen=True)
class Product:
    """What the oracle says about a product, and its numbers by warehouse id."""
    id: int
    sku: str
    is_kit: bool
    type: str
    active: bool
    enabled: bool
    warehouses: dict


class DataSet:
    """One recorded shop. Reading is lazy and kept."""

    def __init__(self, name="a"):
        self.folder = os.path.join(process.ROOT, "tests", "data", name)

    def _read(self, name):
        with gzip.open(os.path.join(self.folder, name), "rb") as file:
            return file.read()

    def restore(self, postgres, dbname):
        """Fills an empty database with the shop as it was before the tape."""
        postgres.psql(dbname, self._read("base.sql.gz"))

    @functools.cached_property
    def tape(self):
        text = self._read("tape.sql.gz").decode()
        pieces = re.split(r"^-- tx (\d+) (.*)\n", text, flags=re.MULTILINE)
        return [Transaction(int(number), kind.strip(), sql)
                for number, kind, sql in zip(pieces[1::3], pieces[2::3], pieces[3::3])]

    @functools.cached_property
    def before(self):
        """{product id: Product} before the tape."""
        return self._oracle("oracle_before.jsonl.gz")

    @functools.cached_property
    def after(self):
        """{product id: Product} after the whole tape; deleted products are absent."""
        return self._oracle("oracle_after.jsonl.gz")

    def _oracle(self, name):
        products = {}
        for line in self._read(name).splitlines():
            row = json.loads(line)
            if row["kind"] != "warehouse":
                continue
            product = products.get(row["product_id"])
            if product is None:
                product = products[row["product_id"]] = Product(
                    row["product_id"], row["default_code"] or None, row["is_kit"], row["type"],
                    row["active"] and row["tmpl_active"], row["shopify_product"] is True, {})
            product.warehouses[row["warehouse_id"]] = Numbers(
                float(row["qty_available"]), float(row["free_qty"]), float(row["incoming_qty"]),
                float(row["outgoing_qty"]), float(row["virtual_available"]))
        return products

    def lines(self, name):
        """Every line of an oracle file: "oracle_before", "oracle_after", "oracle_steps"."""
        return [json.loads(line) for line in self._read(f"{name}.jsonl.gz").splitlines()]


def replay(connection, transactions, before_each=None):
    """Runs recorded transactions one after the other, as Odoo's worker did; their outcomes.

    connection   psycopg, autocommit; its search_path is set to public
    before_each  called with the transaction before it is sent: to pace, to kill something, to stop
                 by raising
    """
    connection.execute("SET search_path = public")
    outcomes = []
    for transaction in transactions:
        if before_each is not None:
            before_each(transaction)
        error = None
        try:
            connection.execute(transaction.text)
        except psycopg.Error as failure:
            error = f"{failure.sqlstate}: {failure}"
            connection.execute("ROLLBACK")
        outcomes.append(Outcome(transaction.number, transaction.kind, error, time.time()))
    return outcomes


# What moves out of a warehouse have not reserved, and what moves inside it have: by the lines of
# moves, whose sums the programs take from the moves' states.
UNRESERVED = """
WITH place AS (
    SELECT w.id AS warehouse, l.id AS location FROM public.stock_warehouse w
      JOIN public.stock_location v ON v.id = w.view_location_id
      JOIN public.stock_location l ON starts_with(l.parent_path, v.parent_path)
     WHERE w.active),
move AS (
    SELECT m.product_id, m.product_qty AS wanted, m.location_id, m.location_dest_id,
           coalesce((SELECT sum(l.product_qty) FROM public.stock_move_line l
                      WHERE l.move_id = m.id), 0) AS reserved
      FROM public.stock_move m
     WHERE m.state IN ('waiting', 'confirmed', 'partially_available', 'assigned'))
SELECT m.product_id, s.warehouse,
       coalesce(sum(greatest(m.wanted - m.reserved, 0)) FILTER (WHERE d.location IS NULL), 0),
       coalesce(sum(m.reserved) FILTER (WHERE d.location IS NOT NULL), 0)
  FROM move m
  JOIN place s ON s.location = m.location_id
  LEFT JOIN place d ON d.location = m.location_dest_id AND d.warehouse = s.warehouse
 GROUP BY 1, 2
"""


def free_confirmed(connection, products):
    """{(product, warehouse): number} from Odoo's recorded free stock and the present moves.

    products  {id: Product}; kits are made from stocksync.kit_component, and 0 before that is filled
    """
    moves = {(product, warehouse): (float(unreserved), float(inside))
             for product, warehouse, unreserved, inside in connection.execute(UNRESERVED)}
    plain = {}
    for product in products.values():
        for warehouse, numbers in product.warehouses.items():
            unreserved, inside = moves.get((product.id, warehouse), (0, 0))
            is_service = product.type == "service"
            plain[product.id, warehouse] = (
                0.0 if is_service else numbers.free - max(unreserved - inside, 0))
    parts = {}
    for kit, *part in connection.execute(
            "SELECT kit_id, component_id, need, yield, own FROM stocksync.kit_component"
            " WHERE need <> 0"):
        parts.setdefault(kit, []).append(part)

    def number(product, warehouse, own=False):
        if own or not products[product].is_kit:
            return plain[product, warehouse]
        if product not in parts:
            return 0.0
        least = min(number(component, warehouse, by_own) / need
                    for component, need, _, by_own in parts[product])
        return float(math.floor(least * parts[product][0][2]))

    return {key: number(*key) for key in plain}


def with_free_confirmed(connection, products):
    """The products with numbers that have free_confirmed as well."""
    found = free_confirmed(connection, products)
    return {product.id: replace(product, warehouses={
        warehouse: replace(numbers, free_confirmed=found[product.id, warehouse])
        for warehouse, numbers in product.warehouses.items()}) for product in products.values()}


def count_marks(connection):
    return connection.execute(f"SELECT (SELECT count(*) FROM public.{MARKS})"
                              f" + (SELECT count(*) FROM public.{QUANT_MARKS})").fetchone()[0]


def warehouses(connection):
    """{code: id} of the active warehouses; `Company/code` is there too."""
    result = {}
    for number, code, company in connection.execute(
            "SELECT w.id, w.code, c.name FROM public.stock_warehouse w"
            " JOIN public.res_company c ON c.id = w.company_id WHERE w.active ORDER BY w.id"):
        result.setdefault(code, number)
        result[f"{company}/{code}"] = number
    return result
