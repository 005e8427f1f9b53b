"""install and uninstall next to an Odoo that works, that holds locks, and when they are killed."""

import os
import subprocess

import psycopg
import pytest

from lab import odoo, programs, wait
from lab.workers import Workers
from test_install import OLD_INSERT, OLD_TABLE, catalogue

ROUNDS = int(os.environ.get("STOCKSYNC_INSTALL_ROUNDS", "3"))
# What a transaction of Odoo's may wait for an install, at most.
STALL = 0.25


@pytest.fixture
def forecast(make_pipeline, database, connection):
    """Nothing installed; forecast on, the flag column missing, and a publication of all tables."""
    pipeline = make_pipeline(database, options={"odoo": {"forecast": "on"}})
    connection.execute("ALTER TABLE public.product_product DROP COLUMN shopify_product")
    connection.execute("CREATE PUBLICATION cdc FOR ALL TABLES")
    return pipeline


def test_odoo_works_on_while_install_and_uninstall_run(forecast, connection, postgres, database):
    """ROUNDS times each. No transaction fails, none waits long, and then no change is missed."""
    with Workers(postgres, database) as workers:
        wait.until(lambda: workers.transactions > 8, "the workers work")
        workers.forget()
        for _ in range(ROUNDS):
            forecast.command("producer", "install", seconds=320)
            forecast.command("producer", "uninstall", "--purge", seconds=320)
        forecast.command("producer", "install", seconds=320)
        before = workers.transactions
        wait.until(lambda: workers.transactions > before + 8, "they still do")
    print(f"{ROUNDS} rounds: {workers.transactions} transactions of Odoo's, longest stall "
          f"{workers.longest[0] * 1000:.0f} ms, noise {workers.noise * 1000:.0f} ms")
    assert workers.failures == []
    assert workers.longest[0] < STALL + workers.noise, workers.longest
    assert programs.command("producer", forecast.config, "check").code == 0
    with postgres.connect(database) as session:
        session.execute("UPDATE stock_quant SET quantity = quantity + 1 WHERE product_id = 3")
        session.execute("UPDATE stock_move SET product_qty = product_qty + 1 WHERE id ="
                        " (SELECT max(id) FROM stock_move WHERE state = 'assigned')")
    assert forecast.marks() > 1


def test_a_table_that_stays_locked_is_named(forecast, connection, postgres, database):
    """The budget ends with the table, its holder and the next step; the next install does the
    rest. Meanwhile other writers of that table do not wait for the install."""
    forecast.command("producer", "install")
    complete = catalogue(connection)
    forecast.command("producer", "uninstall", "--purge")
    with (postgres.connect(database, application_name="odoo-cron", autocommit=False) as holder,
          Workers(postgres, database, count=2) as workers):
        holder.execute("UPDATE stock_quant SET quantity = quantity"
                       " WHERE id = (SELECT max(id) FROM stock_quant)")
        wait.until(lambda: workers.transactions > 2, "the workers work")
        workers.forget()
        result = programs.command("producer", forecast.config, "install", "--wait", "2s")
        assert result.code == programs.EXIT_AWAY, result.text
        for part in ("stock_quant", f"process {holder.info.backend_pid}", "odoo-cron",
                     "idle in transaction", "UPDATE stock_quant", "again", "steps are done"):
            assert part in result.err, result.text
        check = programs.command("producer", forecast.config, "check")
        assert check.code != 0 and "not completely installed" in check.text
        holder.rollback()
    assert workers.failures == []
    assert workers.longest[0] < STALL + workers.noise, workers.longest
    forecast.command("producer", "install")
    assert catalogue(connection) == complete
    with postgres.connect(database, autocommit=False) as reader:
        reader.execute("SELECT count(*) FROM product_product")
        result = programs.command("producer", forecast.config, "uninstall", "--wait", "1s")
        assert result.code == programs.EXIT_AWAY and "product_product" in result.err, result.text
    forecast.command("producer", "uninstall")


def odoo_writes(connection):
    """Nothing that is half installed may fail in these."""
    connection.execute("UPDATE stock_quant SET quantity = quantity + 1 WHERE id = 1")
    connection.execute("UPDATE stock_move SET product_qty = product_qty + 1 WHERE id = 1")
    connection.execute("UPDATE product_product SET barcode = 'x' || id WHERE id = 1")
    connection.execute("UPDATE stock_warehouse SET code = code WHERE id = 1")
    connection.execute("UPDATE mrp_bom SET product_qty = product_qty + 1 WHERE id = 1")


def killed_after_each_step(pipeline, connection, *command):
    """Runs the command until it ends, each time with a kill after the first step; how often."""
    kills = 0
    while True:
        result = programs.command("producer", pipeline.config, *command,
                                  env={"STOCKSYNC_FAULT": "install.step:kill:1"})
        odoo_writes(connection)
        if result.code == 0:
            return kills
        assert result.code == -9, result.text
        kills += 1
        assert kills < 60, result.text


def test_killed_after_each_step(forecast, connection):
    before = catalogue(connection)
    forecast.command("producer", "install")
    complete = catalogue(connection)
    forecast.command("producer", "uninstall", "--purge")
    removed = catalogue(connection)
    assert killed_after_each_step(forecast, connection, "install") > 10
    assert catalogue(connection) == complete
    assert killed_after_each_step(forecast, connection, "uninstall", "--purge") > 10
    assert catalogue(connection) == removed == before


def test_two_installs_at_once(forecast, connection, postgres, database):
    line = [programs.binary("producer"), "-c", forecast.config, "install"]
    both = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env=programs.environment()) for _ in range(2)]
    texts = [one.communicate(timeout=60)[0].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], texts
    assert sum("nothing to do" in text for text in texts) == 1, texts
    assert programs.command("producer", forecast.config, "check").code == 0
    with postgres.connect(database, application_name="the-other-one") as other:
        other.execute("SELECT pg_advisory_lock(6004, 2)")
        result = programs.command("producer", forecast.config, "install", "--wait", "1s")
    assert result.code == programs.EXIT_AWAY, result.text
    assert "another install" in result.err and "the-other-one" in result.err


def test_adopting_does_not_fail_an_old_writer(forecast, connection, postgres, database):
    """Its snapshot is older than the rewritten rows, whose key it names."""
    connection.execute(OLD_TABLE)
    connection.execute(OLD_INSERT, (7, 1))
    with postgres.connect(database, autocommit=False) as writer:
        writer.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        writer.execute("SELECT count(*) FROM stock_quant")
        forecast.command("producer", "install")
        writer.execute(OLD_INSERT, (7, 1))
        writer.execute("UPDATE stock_quant SET quantity = quantity + 1 WHERE id = 1")
        writer.commit()
    assert connection.execute(f"SELECT count(*) FROM {odoo.MARKS}").fetchone()[0] == 2
