"""The Odoo add-on: its files, and its hooks against a real database, without an Odoo."""

import ast
import importlib.util
import os
import py_compile
import sys
import types
from xml.etree import ElementTree

import psycopg
import pytest
from test_install import OLD_TABLE, catalogue

from lab import odoo, process, programs

ADDON = os.path.join(process.ROOT, "deploy", "odoo", "stocksync")

# What is inherited of Odoo 15.0: {view: (its model, a node that it has)}.
VIEWS = {
    "product.product_template_form_view": ("product.template", "//div[@name='options']"),
    "product.product_variant_easy_edit_view": ("product.product", "//group[@name='codes']"),
    "product.product_product_tree_view": ("product.product", "//field[@name='barcode']"),
    "product.product_template_search_view": ("product.template",
                                             "//filter[@name='filter_to_purchase']"),
    "product.product_search_form_view": ("product.product", "//filter[@name='categ_id']"),
}

# What CATALOGUE leaves out: who may do what, what is said of things, and the versions.
MORE = """
SELECT 'rights', c.oid::regclass || ' ' || coalesce(c.relacl::text, '')
  FROM pg_class c WHERE c.relnamespace::regnamespace::text IN ('public', 'stocksync')
UNION ALL
SELECT 'rights', p.oid::regprocedure || ' ' || coalesce(p.proacl::text, '')
  FROM pg_proc p WHERE p.pronamespace::regnamespace::text = 'stocksync'
UNION ALL
SELECT 'comment', d.objoid::regclass || ' ' || d.objsubid || ' ' || d.description
  FROM pg_description d JOIN pg_class c ON c.oid = d.objoid
 WHERE d.classoid = 'pg_class'::regclass AND c.relnamespace::regnamespace::text = 'public'
"""
VERSIONS = "SELECT part, version FROM stocksync.migration ORDER BY part, version"
MRP = "mrp_bom_line_product_template_attribute_value_rel, mrp_bom_line, mrp_bom"


def everything(connection):
    return catalogue(connection) | set(connection.execute(MORE).fetchall())


class UserError(Exception):
    """Stands for odoo.exceptions.UserError."""


@pytest.fixture
def hooks(monkeypatch):
    """The add-on's hooks.py, with as much of an Odoo as it uses."""
    package, exceptions = types.ModuleType("odoo"), types.ModuleType("odoo.exceptions")
    package._, exceptions.UserError = str, UserError
    monkeypatch.setitem(sys.modules, "odoo", package)
    monkeypatch.setitem(sys.modules, "odoo.exceptions", exceptions)
    spec = importlib.util.spec_from_file_location("stocksync_hooks",
                                                  os.path.join(ADDON, "hooks.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def run(postgres, database):
    """run(hook, user=…): as Odoo does, in one REPEATABLE READ transaction, parameters put in by the
    client."""
    def call(hook, user="postgres"):
        with postgres.connect(database, user=user, autocommit=False) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            hook(psycopg.ClientCursor(connection), None)
    return call


@pytest.fixture
def twin(postgres, template, database):
    """Another copy of the shop, and an empty database for the state."""
    names = f"{database}_twin", f"{database}_state"
    postgres.create_database(names[0], template)
    postgres.create_database(names[1])
    yield names
    for name in names:
        postgres.drop_database(name)


def python_files():
    return [os.path.join(folder, name) for folder, _, names in os.walk(ADDON)
            for name in names if name.endswith(".py")]


@pytest.mark.parametrize("path", python_files(), ids=lambda path: os.path.relpath(path, ADDON))
def test_python_compiles(path, tmp_path):
    py_compile.compile(path, cfile=str(tmp_path / "out.pyc"), doraise=True)


def manifest():
    with open(os.path.join(ADDON, "__manifest__.py"), encoding="utf-8") as file:
        return ast.literal_eval(file.read())


def test_manifest_names_files_that_are_there():
    said = manifest()
    assert said["version"] == "15.0.1.0.0" and said["depends"] == ["stock"]
    assert said["data"]
    for name in said["data"]:
        assert os.path.isfile(os.path.join(ADDON, name)), name


def test_views_inherit_what_odoo_15_has():
    found = {}
    for name in manifest()["data"]:
        for record in ElementTree.parse(os.path.join(ADDON, name)).iter("record"):
            fields = {field.get("name"): field for field in record.iter("field")
                      if field.get("name") in ("model", "inherit_id", "arch")}
            for change in fields["arch"]:
                found[fields["inherit_id"].get("ref")] = (fields["model"].text, change.get("expr"))
    assert found == VIEWS


@pytest.mark.parametrize("left_out", [None, MRP], ids=["mrp", "no-mrp"])
def test_hook_makes_what_install_makes(hooks, run, make_pipeline, connection, twin, postgres,
                                       left_out):
    """The state lies elsewhere, so that install makes Odoo's part alone."""
    with postgres.connect(twin[0]) as other:
        if left_out:
            for each in (connection, other):
                each.execute(f"DROP TABLE {left_out} CASCADE")
        run(hooks.post_init_hook)
        make_pipeline(twin[0], options={"state": {"dsn": postgres.dsn(twin[1])}}).install()
        assert everything(connection) == everything(other)
        assert connection.execute(VERSIONS).fetchall() == other.execute(VERSIONS).fetchall()


def test_install_adds_the_state_only(hooks, run, make_pipeline, database, connection):
    run(hooks.post_init_hook)
    made = everything(connection)
    pipeline = make_pipeline(database)
    planned = pipeline.command("producer", "install", "--dry-run").out
    assert "CREATE TABLE stocksync.level" in planned
    for word in ("TRIGGER", "FUNCTION", "SCHEMA", odoo.MARKS, "kit"):
        assert word not in planned, word
    pipeline.install()
    assert made <= everything(connection)
    assert programs.command("producer", pipeline.config, "check").code == 0


def test_hook_leaves_what_is_installed(hooks, run, make_pipeline, database, connection):
    pipeline = make_pipeline(database, options={"odoo": {"forecast": "on"}})
    pipeline.install()
    before = everything(connection)
    assert "stocksync_mark_forecast" in str(before)
    run(hooks.post_init_hook)
    assert everything(connection) == before


def test_hook_twice_and_marks_stay(hooks, run, connection):
    run(hooks.post_init_hook)
    once = everything(connection)
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    run(hooks.post_init_hook)
    assert everything(connection) == once
    assert odoo.count_marks(connection) == 1


def test_hook_repairs_what_is_missing(hooks, run, connection):
    run(hooks.post_init_hook)
    once = everything(connection)
    connection.execute("DROP FUNCTION stocksync.mark_quant() CASCADE")
    connection.execute("DROP TRIGGER stocksync_mark ON public.product_product")
    connection.execute(f"REVOKE INSERT ON public.{odoo.MARKS} FROM PUBLIC")
    connection.execute(f"DROP TABLE public.{odoo.QUANT_MARKS}")
    run(hooks.post_init_hook)
    assert everything(connection) == once


def test_column_of_the_program_becomes_odoos(hooks, run, make_pipeline, database, connection):
    """`uninstall --purge` takes a column of its own away; the field of a module needs it."""
    connection.execute("ALTER TABLE public.product_product DROP COLUMN shopify_product")
    pipeline = make_pipeline(database)
    pipeline.install()
    run(hooks.post_init_hook)
    pipeline.command("producer", "uninstall", "--purge")
    connection.execute("SELECT shopify_product FROM public.product_product")


def test_older_table_is_refused(hooks, run, make_pipeline, database, connection):
    connection.execute(OLD_TABLE)
    before = everything(connection)
    with pytest.raises(UserError, match="stocksync-producer install"):
        run(hooks.post_init_hook)
    assert everything(connection) == before
    pipeline = make_pipeline(database)
    pipeline.install()
    adopted = everything(connection)
    run(hooks.post_init_hook)
    assert everything(connection) == adopted
    # Its table is as it was adopted, but nothing lets its writers go on any more.
    pipeline.command("producer", "uninstall")
    with pytest.raises(UserError, match="stocksync-producer install"):
        run(hooks.post_init_hook)


def test_newer_schema_is_refused(hooks, run, connection):
    run(hooks.post_init_hook)
    connection.execute("INSERT INTO stocksync.migration (part, version) VALUES ('odoo', 99)")
    with pytest.raises(UserError, match="99"):
        run(hooks.post_init_hook)


def test_role_without_rights_is_told_what_to_do(hooks, run, postgres, number):
    role = f"odoo_{number}"
    postgres.create_role(role)
    try:
        with pytest.raises(UserError, match="stocksync-producer install"):
            run(hooks.post_init_hook, user=role)
    finally:
        postgres.drop_role(role)


def test_uninstall_hook_leaves_the_marks_table_only(hooks, run, connection):
    before = everything(connection)
    run(hooks.post_init_hook)
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    run(hooks.uninstall_hook)
    left = everything(connection) - before
    assert [text for _, text in left if odoo.MARKS not in text or odoo.QUANT_MARKS in text] == []
    assert [text for kind, text in left if kind in ("trigger", "function", "schema")] == []
    assert connection.execute(f"SELECT count(*) FROM public.{odoo.MARKS}").fetchone()[0] == 1
    run(hooks.uninstall_hook)
    run(hooks.post_init_hook)


def test_uninstall_hook_leaves_the_state(hooks, run, make_pipeline, database, connection):
    pipeline = make_pipeline(database)
    pipeline.install()
    whole = everything(connection)
    connection.execute("INSERT INTO stocksync.level (store, item, location, product_id, quantity,"
                       " revision) VALUES ('x', 1, 2, 3, 4, 5)")
    run(hooks.uninstall_hook)
    assert [part for part, _ in connection.execute(VERSIONS)] == ["state"]
    assert connection.execute("SELECT count(*) FROM stocksync.level").fetchone() == (1,)
    assert not [text for kind, text in everything(connection) if kind in ("trigger", "function")]
    pipeline.install()
    assert everything(connection) == whole
