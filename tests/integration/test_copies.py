"""Copies of Odoo's database: they have the triggers, but no producer that deletes marks."""

import uuid

import pytest

from lab import odoo, programs

OTHER = str(uuid.UUID(int=0xC0B1E5))
SET_UUID = "UPDATE ir_config_parameter SET value = %s WHERE key = 'database.uuid'"
NEUTRALIZE = ("INSERT INTO ir_config_parameter (id, key, value) VALUES"
              " ((SELECT max(id) + 1 FROM ir_config_parameter), 'database.is_neutralized', 'true')")


@pytest.fixture
def copy(producer_only, postgres, database):
    """A connection to a copy of an installed database, as Odoo's database manager makes it."""
    producer_only.connection.close()
    name = f"{database}_copy"
    postgres.create_database(name, database)
    producer_only.dbname = name
    producer_only.sections["odoo"]["dsn"] = postgres.dsn(name)
    producer_only.write_config()
    with postgres.connect(name) as connection:
        producer_only.connection = connection
        yield connection
    postgres.drop_database(name)


def sell(connection):
    connection.execute("UPDATE stock_quant SET quantity = quantity - 1 WHERE id = 1")
    connection.execute("UPDATE product_product SET barcode = concat(barcode, 'b') WHERE id = 1")


@pytest.mark.parametrize("event", [(SET_UUID, (OTHER,)), (NEUTRALIZE, ())], ids=["uuid", "neutral"])
def test_a_copy_gets_no_marks_until_it_is_installed(producer_only, copy, event):
    sell(copy)
    assert producer_only.marks() == 2
    copy.execute(*event)
    sell(copy)
    assert producer_only.marks() == 2
    for command in ("check", "status"):
        result = programs.command("producer", producer_only.config, command)
        assert result.code != 0 and "this is a copy" in result.text, result.text
        assert "stocksync-producer install" in result.text
    producer_only.producer.start(ready=False)
    shown = producer_only.producer.wait_state("waiting")
    assert "this is a copy" in shown["why"], shown
    assert producer_only.producer.stop() == 0
    assert "marks every product" in producer_only.install().text
    products = copy.execute("SELECT count(*) FROM product_product").fetchone()[0]
    assert producer_only.marks() == 2 + products
    sell(copy)
    assert producer_only.marks() == 4 + products
    assert programs.command("producer", producer_only.config, "check").code == 0
    assert "nothing to do" in producer_only.install().text


def test_a_write_of_the_same_parameter_switches_nothing_off(producer_only, connection):
    connection.execute("UPDATE ir_config_parameter SET value = value || 'x'"
                       " WHERE key <> 'database.uuid'")
    connection.execute("UPDATE ir_config_parameter SET value = value")
    sell(connection)
    assert producer_only.marks() == 2


def test_where_a_producer_is_connected_it_decides(producer_only, connection):
    """The leader refuses the other database or publishes it again: nothing is lost meanwhile."""
    producer_only.producer.start()
    connection.execute(SET_UUID, (OTHER,))
    assert producer_only.producer.stop() == 0
    sell(connection)
    assert producer_only.marks() >= 2


def test_odoo_goes_on_when_the_marks_cannot_be_switched_off(producer_only, connection, postgres,
                                                            database, number):
    """Odoo's role need not own the tables, and somebody may use them."""
    role = f"odoo_{number}"
    postgres.create_role(role)
    connection.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        with postgres.connect(database, user=role) as session:
            session.execute(SET_UUID, (OTHER,))
        with postgres.connect(database, autocommit=False) as holder:
            holder.execute("UPDATE stock_quant SET quantity = quantity WHERE id = 2")
            connection.execute(SET_UUID, (str(uuid.uuid4()),))
            holder.rollback()
        sell(connection)
        assert producer_only.marks() == 2
    finally:
        connection.execute(f"DROP OWNED BY {role}")
        postgres.drop_role(role)


def test_marks_that_nobody_reads_are_shown(producer_only, connection):
    """A copy that keeps its database.uuid cannot be told apart."""
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id, date_added)"
                       " VALUES (1, now() - interval '3 days')")
    for command in ("check", "status"):
        result = programs.command("producer", producer_only.config, command)
        assert "no producer has read marks for 3 days" in result.text, result.text
        assert "uninstall" in result.text
