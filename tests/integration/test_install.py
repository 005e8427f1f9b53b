"""install, uninstall, adoption of the older table, and what a runtime role may do."""

import os
import re
import subprocess

import psycopg
import pytest

from lab import odoo, process, programs, record, wait

# The older module's table and its writer's statement, as this project's users have them.
OLD_TABLE = """
CREATE TABLE public.stock_availability_dirty_shopify (
    product_id integer NOT NULL,
    warehouse_id integer NOT NULL,
    date_added timestamp with time zone NOT NULL DEFAULT now(),
    UNIQUE (product_id, warehouse_id))
"""
OLD_INSERT = """
INSERT INTO stock_availability_dirty_shopify (product_id, warehouse_id) VALUES (%s, %s)
ON CONFLICT (product_id, warehouse_id) DO NOTHING
"""

CATALOGUE = """
SELECT 'column', table_schema || '.' || table_name || '.' || column_name || ' ' || data_type
       || ' ' || is_nullable || ' ' || coalesce(column_default, '')
  FROM information_schema.columns WHERE table_schema IN ('public', 'stocksync')
UNION ALL
SELECT 'trigger', tgrelid::regclass || ' ' || pg_get_triggerdef(oid)
  FROM pg_trigger WHERE NOT tgisinternal
UNION ALL
SELECT 'function', oid::regprocedure || ' ' || md5(pg_get_functiondef(oid))
  FROM pg_proc WHERE pronamespace::regnamespace::text IN ('public', 'stocksync')
UNION ALL
SELECT 'index', schemaname || '.' || indexname || ' ' || indexdef
  FROM pg_indexes WHERE schemaname IN ('public', 'stocksync')
UNION ALL
SELECT 'constraint', conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
  FROM pg_constraint WHERE connamespace::regnamespace::text IN ('public', 'stocksync')
UNION ALL
SELECT 'option', oid::regclass || ' ' || array_to_string(reloptions, ',')
  FROM pg_class WHERE reloptions IS NOT NULL
   AND relnamespace::regnamespace::text IN ('public', 'stocksync')
UNION ALL
SELECT 'schema', nspname || ' ' || coalesce(nspacl::text, '') FROM pg_namespace
 WHERE nspname NOT LIKE 'pg\\_%'
"""


def catalogue(connection):
    return set(connection.execute(CATALOGUE).fetchall())


@pytest.fixture
def bare(make_pipeline, database):
    """Nothing installed."""
    return make_pipeline(database)


def test_install_is_idempotent(bare, connection):
    bare.install()
    once = catalogue(connection)
    bare.install()
    assert catalogue(connection) == once


def test_install_keeps_marks_and_state(bare, connection):
    bare.install()
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id) VALUES (1), (1), (2)")
    connection.execute("INSERT INTO stocksync.level (store, item, location, product_id, quantity,"
                       " revision) VALUES ('x', 1, 2, 3, 4, 5)")
    bare.install()
    assert bare.marks() == 3
    assert connection.execute("SELECT count(*) FROM stocksync.level").fetchone()[0] == 1


def state_sql(version):
    with open(os.path.join(process.ROOT, "schemas", "sql", f"state_{version:03}.sql"), encoding="utf-8") as file:
        return file.read()


def make_older_state(connection, version):
    """The tables of the state as that version made them."""
    newest = connection.execute("SELECT max(version) FROM stocksync.migration WHERE part = 'state'").fetchone()[0]
    for number in range(1, newest + 1):
        for table in re.findall(r"CREATE TABLE (stocksync\.\w+)", state_sql(number)):
            connection.execute(f"DROP TABLE {table} CASCADE")
    for number in range(1, version + 1):
        connection.execute(state_sql(number))
    connection.execute(f"UPDATE stocksync.migration SET version = {version} WHERE part = 'state'")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_older_state_is_brought_up_to_date(bare, connection, version):
    bare.install()
    now = catalogue(connection)
    make_older_state(connection, version)
    connection.execute("""
        INSERT INTO stocksync.parked (store, subject, reason, detail)
        VALUES ('x', 'product/1', 'unmapped', ''), ('x', 'record/t/0/1', 'undecodable', '');
        INSERT INTO stocksync.level (store, item, location, product_id, quantity, revision)
        VALUES ('x', 1, 2, 3, 4, 5)""")
    assert programs.command("producer", bare.config, "check").code != 0
    assert "tables of the state" in bare.install().text
    assert catalogue(connection) == now
    assert connection.execute("SELECT quantity, wanted FROM stocksync.level").fetchall() == [
        (4, None)]
    if version < 3:   # rows of version 3 have their times
        assert connection.execute("SELECT subject FROM stocksync.parked WHERE retry_at < now()"
                                  " + interval '6 minutes'").fetchall() == [("product/1",)]


OLD_FUNCTION = """
CREATE OR REPLACE FUNCTION stocksync.mark_quant_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.stock_availability_dirty_shopify (product_id) VALUES (NEW.product_id);
    RETURN NULL;
END
$$"""


def test_older_triggers_are_brought_up_to_date(bare, connection):
    """Before version 3 stock_quant's triggers wrote into the marks table."""
    bare.install()
    now = catalogue(connection)
    connection.execute(OLD_FUNCTION)
    connection.execute(f"DROP TABLE public.{odoo.QUANT_MARKS}")
    connection.execute("DELETE FROM stocksync.migration WHERE part = 'odoo' AND version >= 3;"
                       "INSERT INTO stocksync.migration (part, version) VALUES ('odoo', 2)")
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    result = programs.command("producer", bare.config, "check")
    assert result.code != 0 and "stocksync-producer install" in result.text, result.text
    bare.install()
    assert catalogue(connection) == now
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    assert bare.marks() == 2
    bare.producer.start()
    bare.wait_published()


@pytest.mark.parametrize("loss", [f"DROP TABLE public.{odoo.QUANT_MARKS}",
                                  f"REVOKE INSERT ON public.{odoo.QUANT_MARKS} FROM PUBLIC",
                                  f"ALTER TABLE public.{odoo.QUANT_MARKS} REPLICA IDENTITY DEFAULT",
                                  f"ALTER TABLE public.{odoo.MARKS} REPLICA IDENTITY NOTHING"])
def test_what_the_triggers_need_is_watched(bare, connection, loss):
    """Without it Odoo's own writes fail."""
    bare.install()
    connection.execute(loss)
    result = programs.command("producer", bare.config, "check")
    assert result.code != 0 and "stocksync-producer install" in result.text, result.text
    bare.install()
    assert programs.command("producer", bare.config, "check").code == 0


@pytest.mark.parametrize("table", ["stock_quant", "stock_warehouse", "product_template"])
def test_missing_table_is_named_and_nothing_is_made(bare, connection, table):
    connection.execute(f"ALTER TABLE public.{table} RENAME TO {table}_elsewhere")
    before = catalogue(connection)
    result = programs.command("producer", bare.config, "install")
    assert result.code in (programs.EXIT_AWAY, programs.EXIT_CONFIG), result.text
    assert table in result.text
    assert catalogue(connection) == before


def test_dry_run_prints_the_sql_and_changes_nothing(bare, connection, postgres, database):
    before = catalogue(connection)
    result = bare.command("producer", "install", "--dry-run")
    assert catalogue(connection) == before
    assert "CREATE SCHEMA" in result.out.upper()
    assert odoo.MARKS in result.out
    # What was printed is what install does.
    postgres.psql(database, result.out.encode())
    printed = catalogue(connection)
    bare.install()
    assert catalogue(connection) == printed


def marks_kept(connection):
    """Products that the users' table names; ours is gone."""
    return [product for product, in connection.execute(
        f"SELECT product_id FROM public.{odoo.MARKS} ORDER BY product_id")]


def test_uninstall_leaves_only_the_users_table_and_column(bare, connection):
    before = catalogue(connection)
    bare.install()
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id) VALUES (1)")
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1"
                       " WHERE product_id IN (2, 3)")
    changed_at = connection.execute(f"SELECT min(date_added) FROM public.{odoo.QUANT_MARKS}"
                                    ).fetchone()[0]
    bare.command("producer", "uninstall")
    left = catalogue(connection) - before
    assert {kind for kind, text in left if odoo.MARKS not in text} == set(), left
    assert not [text for kind, text in left if kind == "trigger" or odoo.QUANT_MARKS in text]
    assert marks_kept(connection) == [1, 2, 3]
    assert connection.execute(f"SELECT date_added FROM public.{odoo.MARKS} WHERE product_id = 2"
                              ).fetchone()[0] == changed_at
    assert before <= catalogue(connection)


def test_purge_leaves_nothing(bare, connection):
    connection.execute("ALTER TABLE public.product_product DROP COLUMN shopify_product")
    before = catalogue(connection)
    bare.install()
    assert "shopify_product" in str(catalogue(connection) - before)
    bare.command("producer", "uninstall", "--purge")
    assert catalogue(connection) == before


def test_uninstall_twice_is_no_error(bare):
    bare.install()
    bare.command("producer", "uninstall")
    bare.command("producer", "uninstall")


def test_old_table_is_adopted_with_its_rows(bare, connection):
    connection.execute(OLD_TABLE)
    connection.execute(OLD_INSERT, (1, 1))
    connection.execute(OLD_INSERT, (2, 3))
    bare.install()
    rows = connection.execute(
        f"SELECT product_id, date_added IS NOT NULL FROM public.{odoo.MARKS} ORDER BY 1").fetchall()
    assert rows == [(1, True), (2, True)]
    # Odoo's writes of stock do not pay for the adopted table's key and trigger.
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1"
                       " WHERE product_id = 3")
    assert marks_kept(connection) == [1, 2]
    bare.producer.start()
    bare.wait_published()
    assert {stock.product_id for stock in record.decode_all(bare.records())} >= {1, 2, 3}


def test_old_writer_goes_on_unchanged_and_appends(bare, connection, postgres, database):
    """Two of Odoo's transactions insert one and the same pair: neither waits, none fails, both
    rows are there. Also when the first commits after the second took its snapshot."""
    connection.execute(OLD_TABLE)
    connection.execute(OLD_INSERT, (7, 1))
    bare.install()
    with postgres.connect(database) as one, postgres.connect(database) as two:
        for session in (one, two):
            session.execute("SET lock_timeout = '1s'")
            session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            session.execute("SELECT 1 FROM public.product_product LIMIT 1")
        one.execute(OLD_INSERT, (7, 1))
        two.execute(OLD_INSERT, (7, 1))
        one.execute("COMMIT")
        two.execute(OLD_INSERT, (7, 1))
        two.execute("COMMIT")
    assert connection.execute(
        f"SELECT count(*) FROM public.{odoo.MARKS} WHERE product_id = 7").fetchone()[0] == 4


def test_old_writer_works_while_a_reader_deletes(bare, connection, postgres, database):
    connection.execute(OLD_TABLE)
    bare.install()
    connection.execute(OLD_INSERT, (7, 1))
    with postgres.connect(database) as reader:
        reader.execute("BEGIN")
        reader.execute(f"DELETE FROM public.{odoo.MARKS}")
        connection.execute("SET lock_timeout = '1s'")
        connection.execute(OLD_INSERT, (7, 1))
        reader.execute("COMMIT")
    assert bare.marks() == 1


def test_old_writer_works_after_uninstall(bare, connection):
    connection.execute(OLD_TABLE)
    bare.install()
    connection.execute(OLD_INSERT, (7, 1))
    bare.command("producer", "uninstall")
    connection.execute(OLD_INSERT, (7, 1))
    assert 7 in marks_kept(connection)


def test_the_users_flag_column_is_left_alone(bare, connection):
    before = connection.execute("SELECT id, shopify_product FROM public.product_product"
                                " ORDER BY id").fetchall()
    bare.install()
    bare.command("producer", "uninstall", "--purge")
    assert connection.execute("SELECT id, shopify_product FROM public.product_product"
                              " ORDER BY id").fetchall() == before


def grants_for(pipeline, role):
    """The GRANTs that install prints, with its placeholder or role name replaced by ours."""
    text = pipeline.install().text
    grants = re.findall(r"^\s*GRANT\s.*?;", text, re.MULTILINE | re.DOTALL)
    assert grants, text
    return [re.sub(r"\bTO\s+\S+?;$", f'TO "{role}";', grant) for grant in grants]


@pytest.fixture
def runtime(postgres, number):
    role = f"runtime_{number}"
    postgres.create_role(role)
    yield role
    postgres.drop_role(role)


def as_runtime(pipeline, role):
    pipeline.sections["odoo"]["dsn"] = pipeline.postgres.dsn(pipeline.dbname, user=role)
    pipeline.write_config()


def test_check_names_a_missing_permission(bare, runtime):
    bare.install()
    as_runtime(bare, runtime)
    result = programs.command("producer", bare.config, "check")
    assert result.code != 0
    assert re.search(r"permission|GRANT", result.text), result.text
    assert "stocksync" in result.text or odoo.MARKS in result.text


def test_runtime_role_can_run_and_nothing_else(bare, connection, runtime, postgres, shop):
    for grant in grants_for(bare, runtime):
        connection.execute(grant)
    try:
        as_runtime(bare, runtime)
        result = programs.command("producer", bare.config, "check")
        assert result.code == 0, result.text
        bare.producer.start()
        bare.replay(shop.tape[:30])
        bare.wait_published()
        assert bare.producer.stop() == 0
        with postgres.connect(bare.dbname, user=runtime) as session:
            for forbidden in ("UPDATE public.stock_quant SET quantity = 0",
                              "DELETE FROM public.product_product",
                              "INSERT INTO public.stock_location (name, usage) VALUES ('x', 'view')",
                              "SELECT * FROM public.res_partner",
                              "CREATE TABLE public.mine (id int)",
                              "DROP TABLE stocksync.owner",
                              f"DROP TABLE public.{odoo.MARKS}"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(forbidden)
    finally:
        connection.execute(f'DROP OWNED BY "{runtime}"')


def test_runtime_role_serves_a_store_from_end_to_end(pipeline, connection, runtime, shop):
    """Both programs, all roles and commands, with exactly the rights that install prints."""
    grants = grants_for(pipeline, runtime)
    for grant in grants:
        connection.execute(grant)
    pipeline.sections["producer"]["full_pass_every"] = "1s"
    pipeline.sections["gc"] = {"every": "1s"}
    try:
        as_runtime(pipeline, runtime)
        pipeline.start()
        pipeline.backfill()
        pipeline.replay(shop.tape[:30])
        pipeline.wait_settled()
        for program, *command in (("producer", "gc"), ("producer", "status"), ("producer", "check"),
                                  ("consumer", "status"), ("consumer", "check"),
                                  ("consumer", "parked"),
                                  ("consumer", "reconcile", "--store", pipeline.stores[0].name)):
            pipeline.command(program, *command)
        wait.until(lambda: "mod=full_pass event=finished" in pipeline.producer.text(), "a full pass")
        wait.until(lambda: connection.execute("SELECT EXISTS (SELECT FROM stocksync.planned)"
                                              ).fetchone()[0], "rules are stored")
        assert "permission" not in pipeline.logs()
        assert pipeline.producer.stop() == 0 and pipeline.consumer.stop() == 0
    finally:
        connection.execute(f'DROP OWNED BY "{runtime}"')


def test_a_publication_for_all_tables_stops_nothing(bare, connection):
    """PostgreSQL refuses the deletion from a published table that has no replica identity."""
    bare.install()
    connection.execute("CREATE PUBLICATION cdc FOR ALL TABLES")
    bare.producer.start()
    bare.backfill()
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    bare.wait_published()
    assert bare.marks() == 0
    bare.producer.alive()
    assert programs.command("producer", bare.config, "uninstall", "--purge").code == 0


ALTERED_TRIGGERS = {
    "disabled": "ALTER TABLE public.stock_quant DISABLE TRIGGER USER",
    "for replicas": "ALTER TABLE public.stock_quant ENABLE REPLICA TRIGGER stocksync_mark_update",
    "with a condition": "DROP TRIGGER stocksync_mark_update ON public.stock_quant;"
                        "CREATE TRIGGER stocksync_mark_update AFTER UPDATE ON public.stock_quant FOR"
                        " EACH ROW WHEN (NEW.quantity > 0) EXECUTE PROCEDURE"
                        " stocksync.mark_quant_update()",
    "for one column": "DROP TRIGGER stocksync_mark_update ON public.stock_quant;"
                      "CREATE TRIGGER stocksync_mark_update AFTER UPDATE OF quantity ON"
                      " public.stock_quant FOR EACH ROW EXECUTE PROCEDURE"
                      " stocksync.mark_quant_update()",
    "without truncation": "DROP TRIGGER stocksync_mark_truncate ON public.stock_quant",
}


@pytest.mark.parametrize("name", ALTERED_TRIGGERS)
def test_altered_triggers_are_named_and_repaired(bare, connection, name):
    bare.install()
    wanted = catalogue(connection)
    connection.execute(ALTERED_TRIGGERS[name])
    result = programs.command("producer", bare.config, "check")
    assert result.code != 0 and "stocksync_mark" in result.text and "stock_quant" in result.text
    bare.install()
    assert catalogue(connection) == wanted
    assert programs.command("producer", bare.config, "check").code == 0


OTHER_QUANT_MARKS = {
    "a view": "CREATE VIEW public.{table} AS SELECT 1 AS product_id, now() AS date_added",
    "another column": "CREATE TABLE public.{table} (product_id integer NOT NULL,"
                      " date_added timestamptz NOT NULL DEFAULT now(), source text NOT NULL)",
    "another type": "CREATE TABLE public.{table} (product_id bigint NOT NULL,"
                    " date_added timestamptz NOT NULL DEFAULT now())",
    "no default": "CREATE TABLE public.{table} (product_id integer NOT NULL,"
                  " date_added timestamptz NOT NULL)",
    "a key": "CREATE TABLE public.{table} (product_id integer PRIMARY KEY,"
             " date_added timestamptz NOT NULL DEFAULT now())",
    "a reference": "CREATE TABLE public.{table} (product_id integer REFERENCES"
                   " public.product_product, date_added timestamptz DEFAULT now())",
}


@pytest.mark.parametrize("name", OTHER_QUANT_MARKS)
def test_quant_marks_table_of_another_shape_is_refused(bare, connection, name):
    """Its first mark would fail in Odoo's transaction."""
    connection.execute(OTHER_QUANT_MARKS[name].format(table=odoo.QUANT_MARKS))
    for options in ([], ["--dry-run"]):
        refused = programs.command("producer", bare.config, "install", *options)
        assert refused.code == programs.EXIT_CONFIG, refused.text
        assert odoo.QUANT_MARKS in refused.text and "another one" in refused.text
    programs.command("producer", bare.config, "uninstall", "--purge")
    assert connection.execute("SELECT to_regclass(%s) IS NOT NULL",
                              (f"public.{odoo.QUANT_MARKS}",)).fetchone()[0]
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")


OTHER_CONSTRAINTS = {
    "equal NULLs": "UNIQUE NULLS NOT DISTINCT (product_id, warehouse_id)",
    "a check": "CHECK (warehouse_id IS NOT NULL)",
    "an exclusion": "EXCLUDE (product_id WITH =)",
    "a key of products": "UNIQUE (product_id)",
    "the warehouse as key": "PRIMARY KEY (product_id, warehouse_id)",
    "a reference": "FOREIGN KEY (product_id) REFERENCES public.product_product (id)",
}


@pytest.mark.parametrize("name", OTHER_CONSTRAINTS)
def test_constraint_that_a_mark_could_violate_is_not_adopted(bare, connection, name):
    connection.execute(f"CREATE TABLE public.{odoo.MARKS} (product_id integer NOT NULL,"
                       " warehouse_id integer NOT NULL, date_added timestamptz NOT NULL DEFAULT"
                       f" now(), {OTHER_CONSTRAINTS[name]})")
    refused = programs.command("producer", bare.config, "install")
    assert refused.code == programs.EXIT_CONFIG, refused.text
    assert "cannot be adopted" in refused.text
    connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")


PUBLIC = ["REVOKE ALL ON ALL TABLES IN SCHEMA public, stocksync FROM PUBLIC",
          "REVOKE ALL ON ALL SEQUENCES IN SCHEMA public, stocksync FROM PUBLIC",
          "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public, stocksync FROM PUBLIC",
          "REVOKE ALL ON SCHEMA public, stocksync FROM PUBLIC"]


def give_to(connection, role):
    """Odoo's tables, sequences, schema and database belong to its role."""
    for kind, name in connection.execute(
            "SELECT CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END,"
            " oid::regclass::text FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND"
            " relkind IN ('r', 'v', 'S') AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid ="
            " c.oid AND d.deptype IN ('a', 'i') AND c.relkind = 'S')").fetchall():
        connection.execute(f"ALTER {kind} {name} OWNER TO {role}")
    connection.execute(f"ALTER SCHEMA public OWNER TO {role}")
    connection.execute(f"ALTER DATABASE {connection.info.dbname} OWNER TO {role}")


def dumps_as(postgres, dbname, role):
    done = subprocess.run([postgres.binary("pg_dump"), "-h", postgres.sockets, "-p",
                           str(postgres.port), "-U", role, "-f", os.devnull, dbname],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("as_odoo", [True, False], ids=["as Odoo's role", "as a superuser"])
def test_odoo_backs_up_and_writes_whoever_installs_and_owns(bare, connection, postgres, number,
                                                            as_odoo):
    """Also with the optional owner of the marks, and with nothing granted to PUBLIC."""
    owner, runtime, clerk = f"odoo_{number}", f"stocksync_{number}", f"clerk_{number}"
    postgres.create_role(owner, "LOGIN")
    postgres.create_role(runtime, "LOGIN")
    postgres.create_role(clerk, "LOGIN")
    give_to(connection, owner)
    connection.execute(f"GRANT SELECT, UPDATE ON public.stock_quant TO {clerk}")
    dsn = bare.sections["odoo"]["dsn"]
    if as_odoo:
        bare.sections["odoo"]["dsn"] = postgres.dsn(bare.dbname, user=owner)
    bare.write_config()
    bare.install()
    dumps_as(postgres, bare.dbname, owner)
    bare.sections["odoo"]["dsn"] = dsn
    bare.write_config()
    printed = programs.command("producer", bare.config, "install", "--grants", runtime).text
    for line in printed.splitlines():
        if line.startswith(("GRANT ", "-- GRANT ", "-- ALTER ")):
            connection.execute(line.removeprefix("-- "))
    dumps_as(postgres, bare.dbname, owner)
    assert programs.command("producer", bare.config, "check").code == 0
    assert "nothing to do" in programs.command("producer", bare.config, "install").text
    for statement in PUBLIC:
        connection.execute(statement)
    connection.execute(f"GRANT USAGE ON SCHEMA public TO {clerk}")
    dumps_as(postgres, bare.dbname, owner)
    bare.sections["odoo"]["dsn"] = postgres.dsn(bare.dbname, user=runtime)
    bare.write_config()
    bare.producer.start()
    bare.backfill()
    for role in (owner, clerk):
        with postgres.connect(bare.dbname, user=role) as session:
            session.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
    with postgres.connect(bare.dbname, user=owner) as session:
        session.execute("UPDATE public.product_product SET default_code = 'new' WHERE id = 1")
    bare.wait_published()
    bare.producer.alive()
    assert bare.marks() == 0
