"""PgBouncer between the programs and PostgreSQL."""

import psycopg
import pytest
from lab import programs
from lab.pgbouncer import PgBouncer

SETTINGS = ("search_path", "statement_timeout", "enable_seqscan", "TimeZone")


def settings_of_clients(pool, dbname):
    """What other clients of the pool find: each takes a server that somebody used before."""
    found = set()
    for _ in range(5):
        with psycopg.connect(pool.dsn(dbname), autocommit=True, prepare_threshold=None) as client:
            found.add(tuple(client.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS))
    return found


def open_servers(pool, dbname, count):
    """Makes the pool hold that many servers: two that take turns are the hardest to tell."""
    clients = [psycopg.connect(pool.dsn(dbname), prepare_threshold=None) for _ in range(count)]
    for client in clients:
        client.execute("SELECT 1")
    for client in clients:
        client.close()


@pytest.mark.parametrize("mode, size, robin", [("transaction", 20, False), ("transaction", 1, False),
                                               ("transaction", 20, True), ("statement", 20, False)])
def test_pooler_in_transaction_mode_is_refused_before_any_set(producer_only, postgres, mode, size,
                                                             robin):
    with PgBouncer(postgres, mode, size, robin) as pool:
        if robin:
            open_servers(pool, producer_only.dbname, 2)
        before = settings_of_clients(pool, producer_only.dbname)
        producer_only.sections["odoo"]["dsn"] = pool.dsn(producer_only.dbname)
        producer_only.write_config()
        for command in ("check", "run", "install"):
            refused = programs.command("producer", producer_only.config, command)
            assert refused.code == programs.EXIT_CONFIG, (command, refused.text)
            assert "PgBouncer" in refused.text and "transaction" in refused.text, refused.text
        assert settings_of_clients(pool, producer_only.dbname) == before
        locks = producer_only.connection.execute(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()[0]
        assert locks == 0


def test_pooler_in_session_mode_serves(producer_only, postgres):
    with PgBouncer(postgres, "session") as pool:
        producer_only.sections["odoo"]["dsn"] = pool.dsn(producer_only.dbname)
        producer_only.write_config()
        assert programs.command("producer", producer_only.config, "check").code == 0
        producer_only.producer.start()
        producer_only.connection.execute(
            "UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id = 1")
        producer_only.wait_published()
        assert producer_only.producer.stop() == 0
