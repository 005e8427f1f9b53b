"""Odoo's part of what `stocksync-producer install` and `uninstall` do, with the same SQL.

The files in sql/ are copies of the programs' own; they decide what there is to do, this decides in
which order. Everything runs in the transaction in which Odoo installs the module.
"""

import os
import re

from odoo import _
from odoo.exceptions import UserError

# The newest version of Odoo's part that this module knows.
VERSION = 4

MARKS = "stock_availability_dirty_shopify"
# What our marks table has; the older module's lacks most of them.
MARKS_COLUMNS = {"id", "product_id", "warehouse_id", "warehouse_hint", "cause", "date_added"}

NEXT_STEP = "run 'stocksync-producer install' as the owner of the database, then install this module"


def _sql(name):
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sql", name + ".sql")
    with open(path, encoding="ascii") as file:
        return file.read()


def _rows(cr, query, params=None):
    cr.execute(query, params)
    return cr.fetchall()


def _value(cr, query, params=None):
    return _rows(cr, query, params)[0][0]


def _lock(cr):
    """The lock that the programs take: an install waits for another one."""
    cr.execute("SET LOCAL lock_timeout = '5s'")
    cr.execute("SELECT pg_advisory_xact_lock(6004, 2)")


def _has(cr, name):
    return _value(cr, "SELECT to_regclass(%s) IS NOT NULL", ("stocksync." + name,))


def _has_schema(cr):
    return _value(cr, "SELECT to_regnamespace('stocksync') IS NOT NULL")


def _version(cr):
    """Of Odoo's part; 0: not installed."""
    if not _has(cr, "migration"):
        return 0
    return _value(cr, "SELECT COALESCE(max(version), 0) FROM stocksync.migration"
                      " WHERE part = 'odoo'")


def _check_marks(cr):
    """Whether the marks table is there. The older module's table, whose key its writers name, is
    adopted by the program alone."""
    columns = {name for name, in _rows(
        cr, "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(%s)"
            " AND attnum > 0 AND NOT attisdropped", ("public." + MARKS,))}
    keyed = _value(
        cr, "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = m.oid AND i.indisunique"
            " AND NOT i.indisprimary) AND NOT EXISTS (SELECT FROM pg_trigger t"
            " WHERE t.tgrelid = m.oid AND t.tgname = 'stocksync_keep' AND t.tgenabled IN ('O', 'A'))"
            " FROM (SELECT to_regclass(%s) AS oid) m", ("public." + MARKS,))
    if columns and (keyed or not MARKS_COLUMNS <= columns):
        raise UserError(_("The table %s belongs to an older module: %s.") % (MARKS, NEXT_STEP))
    return bool(columns)


def _plan_schema(cr):
    if not _has_schema(cr):
        yield "CREATE SCHEMA stocksync"
    if not _has(cr, "migration"):
        yield _sql("migration")


def _plan_marks(cr, exists):
    if not exists:
        yield _sql("marks_create")
    for statement, *_rest in _rows(cr, _sql("odoo_marks")):
        yield statement


def _plan_objects(cr, version):
    functions = _sql("odoo_functions") + _sql("odoo_keep_mark")
    names = set(re.findall(r"FUNCTION stocksync\.(\w+)\(\) RETURNS", functions))
    there = {name for name, in _rows(
        cr, "SELECT p.proname::text FROM pg_proc p"
            " JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'stocksync'")}
    if version < 2:
        yield _sql("odoo_002")
    if version < 4:
        yield _sql("odoo_004")
    if version < VERSION or not names <= there:
        yield functions
        yield ("INSERT INTO stocksync.migration (part, version) VALUES ('odoo', %d)"
               " ON CONFLICT DO NOTHING" % VERSION)


def _plan_triggers(cr):
    """Those of forecast quantities stay when there is one; it takes the program to add them."""
    forecast = _value(cr, "SELECT EXISTS (SELECT FROM pg_trigger"
                          " WHERE tgname = 'stocksync_mark_forecast' AND NOT tgisinternal)")
    query = _sql("odoo_triggers").replace("$1", "true" if forecast else "false")
    for statement, *_rest in _rows(cr, query):
        yield statement


def _plan_flag(cr):
    """A column that the program made is Odoo's from now on: `uninstall --purge` must not drop it."""
    if _value(cr, "SELECT EXISTS (SELECT FROM pg_attribute"
                  " WHERE attrelid = to_regclass('public.product_product')"
                  " AND attname = 'shopify_product' AND NOT attisdropped"
                  " AND col_description(attrelid, attnum) LIKE 'stocksync%')"):
        yield "COMMENT ON COLUMN public.product_product.shopify_product IS 'Sold in Shopify'"


def _check_rights(cr):
    if not _value(cr, "SELECT CASE WHEN n.oid IS NULL"
                      " THEN has_database_privilege(current_database(), 'CREATE')"
                      " ELSE pg_has_role(n.nspowner, 'USAGE') END"
                      " FROM (SELECT) one LEFT JOIN pg_namespace n ON n.nspname = 'stocksync'"):
        raise UserError(_("Odoo's database role may not create or change the schema stocksync: %s.")
                        % NEXT_STEP)


def post_init_hook(cr, registry):
    """Installs what is missing; what is there is left as it is."""
    _lock(cr)
    version = _version(cr)
    if version > VERSION:
        raise UserError(_("The schema stocksync has version %s, this module knows %s: use the"
                          " module of the newer program.") % (version, VERSION))
    exists = _check_marks(cr)
    plan = [*_plan_schema(cr), *_plan_marks(cr, exists), *_plan_objects(cr, version),
            *_plan_triggers(cr), *_plan_flag(cr)]
    if plan:
        _check_rights(cr)
    for statement in plan:
        cr.execute(statement)


def uninstall_hook(cr, registry):
    """Takes Odoo's part away; the marks table stays, and so does the programs' state if it is here."""
    _lock(cr)
    if not _has_schema(cr):
        return
    _check_rights(cr)
    for name in ("odoo_drop_triggers", "odoo_drop"):
        for statement, *_rest in _rows(cr, _sql(name)):
            cr.execute(statement)
    if _has(cr, "level"):
        cr.execute("DELETE FROM stocksync.migration WHERE part = 'odoo'")
        return
    cr.execute("DROP TABLE IF EXISTS stocksync.migration")
    cr.execute("DROP SCHEMA stocksync")
