"""A generated shop: Odoo's own tables from the recorded data set, filled with plain products.

Everything about a product follows from its number n = 0 … count - 1, so that nothing has to be read
back: see the functions below.
"""

import time

from psycopg import sql

from lab import odoo

TEMPLATE = "bench_shop"
WAREHOUSES = 5
CODES = [f"B{number}" for number in range(1, WAREHOUSES + 1)]
COMPANY = 1
FIRST_PRODUCT = 100000
FIRST_TEMPLATE = 600000
FIRST_QUANT = 1000000
FIRST_LOCATION = 5000
SHELF_EVERY = 5         # every fifth product also lies on a shelf below the first warehouse's stock

# Foreign keys hold by construction; checking them a million times would only cost time.
TABLES = f"""
SET session_replication_role = replica;
SET synchronous_commit = off;
TRUNCATE public.product_template, public.stock_warehouse CASCADE;

INSERT INTO public.stock_location
       (id, name, complete_name, usage, location_id, parent_path, company_id, active)
SELECT {FIRST_LOCATION} + w * 10 + depth, place, 'B' || w || '/' || place, kind,
       CASE depth WHEN 0 THEN 1 ELSE {FIRST_LOCATION} + w * 10 + depth - 1 END,
       '1/' || (SELECT string_agg(({FIRST_LOCATION} + w * 10 + d)::text || '/', '' ORDER BY d)
                FROM generate_series(0, depth) d),
       {COMPANY}, true
  FROM generate_series(1, {WAREHOUSES}) w,
       (VALUES (0, 'View', 'view'), (1, 'Stock', 'internal'), (2, 'Shelf', 'internal'))
       AS tree(depth, place, kind);

INSERT INTO public.stock_warehouse
       (id, name, code, active, company_id, view_location_id, lot_stock_id,
        reception_steps, delivery_steps, manufacture_steps)
SELECT w, 'Bench ' || w, 'B' || w, true, {COMPANY}, {FIRST_LOCATION} + w * 10,
       {FIRST_LOCATION} + w * 10 + 1, 'one_step', 'ship_only', 'mrp_one_step'
  FROM generate_series(1, {WAREHOUSES}) w;
"""

PRODUCTS = f"""
SET session_replication_role = replica;
SET synchronous_commit = off;
INSERT INTO public.product_template
       (id, name, detailed_type, type, categ_id, uom_id, uom_po_id, active, default_code, tracking,
        purchase_line_warn, sale_line_warn, sale_ok, purchase_ok)
SELECT {FIRST_TEMPLATE} + n, 'Generated product ' || n, 'product', 'product',
       (SELECT min(id) FROM public.product_category), 1, 1, true, 'G' || lpad((n + 1)::text, 6, '0'),
       'none', 'no-message', 'no-message', true, true
  FROM generate_series(0, %(count)s - 1) n;

INSERT INTO public.product_product
       (id, product_tmpl_id, default_code, barcode, active, combination_indices, shopify_product)
SELECT {FIRST_PRODUCT} + n, {FIRST_TEMPLATE} + n, 'G' || lpad((n + 1)::text, 6, '0'),
       '40' || lpad(n::text, 11, '0'), true, '', true
  FROM generate_series(0, %(count)s - 1) n;

INSERT INTO public.stock_quant
       (id, product_id, company_id, location_id, quantity, reserved_quantity, in_date)
SELECT {FIRST_QUANT} + n * {WAREHOUSES} + w - 1, {FIRST_PRODUCT} + n, {COMPANY},
       {FIRST_LOCATION} + w * 10 + 1, 100 + (n * 7 + w * 13) %% 900, (n + w) %% 4, now()
  FROM generate_series(0, %(count)s - 1) n, generate_series(1, {WAREHOUSES}) w;

INSERT INTO public.stock_quant
       (id, product_id, company_id, location_id, quantity, reserved_quantity, in_date)
SELECT {FIRST_QUANT} + %(count)s * {WAREHOUSES} + n, {FIRST_PRODUCT} + n, {COMPANY},
       {FIRST_LOCATION} + 12, 10, 0, now()
  FROM generate_series(0, %(count)s - 1, {SHELF_EVERY}) n;
"""


def make_template(postgres, count):
    """The database TEMPLATE with `count` products, vacuumed and analysed; seconds that it took."""
    began = time.monotonic()
    postgres.create_database(TEMPLATE)
    odoo.DataSet("a").restore(postgres, TEMPLATE)
    with postgres.connect(TEMPLATE) as connection:
        connection.execute(TABLES)
        connection.execute(PRODUCTS % {"count": count})
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
    return time.monotonic() - began


def create(postgres, name):
    """A copy of the template, by files: no WAL that would be written while we measure."""
    with postgres.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
            sql.Identifier(name), sql.Identifier(TEMPLATE)))


def product(number):
    return FIRST_PRODUCT + number


def quant(number):
    """The row of stock_quant that the load changes: one warehouse's, another for each product."""
    return FIRST_QUANT + number * WAREHOUSES + number % WAREHOUSES


def free(number):
    """What all warehouses together have free before anything changes."""
    total = sum(100 + (number * 7 + w * 13) % 900 - (number + w) % 4
                for w in range(1, WAREHOUSES + 1))
    return total + (10 if number % SHELF_EVERY == 0 else 0)
