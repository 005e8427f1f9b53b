"""Role parents: a component changes, the kits that it is part of are published again."""

import json
import signal
import time

import psycopg
import pytest

from lab import kafka as kafka_module, odoo, programs, wait

KIT, OUTER, STRUCTURE = 900001, 900002, 900003   # no products of the shop: they end as tombstones
FAN = 5000


@pytest.fixture
def pipeline(make_pipeline, database):
    """No store."""
    pipeline = make_pipeline(database)
    pipeline.install()
    return pipeline


@pytest.fixture
def faults_are_compiled_in():
    with open(programs.binary("consumer"), "rb") as file:
        if b"parents.marked" not in file.read():
            pytest.skip("this build has no crash points: configure with STOCKSYNC_FAULTS=ON")


def make_kits(connection, rows):
    """rows: (kit, component, need)"""
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO stocksync.kit_component (kit_id, component_id, need, yield)"
                           " VALUES (%s, %s, %s, 1)", rows)


def change(connection, *products):
    for product in products:
        connection.execute("UPDATE public.stock_quant SET quantity = quantity + 1 WHERE id ="
                           " (SELECT min(id) FROM public.stock_quant WHERE product_id = %s)",
                           (product,))


@pytest.fixture
def plain(connection):
    """Some products with stock that are in no kit of the shop, by id."""
    return [row[0] for row in connection.execute(
        "SELECT DISTINCT q.product_id FROM public.stock_quant q WHERE NOT EXISTS (SELECT FROM"
        " public.mrp_bom_line l WHERE l.product_id = q.product_id) AND NOT EXISTS (SELECT FROM"
        " public.mrp_bom b JOIN public.product_product p USING (product_tmpl_id) WHERE p.id ="
        " q.product_id) ORDER BY q.product_id LIMIT 20")]


def caused_by_parents(pipeline):
    """{product id: number of records with cause parent}"""
    counts = {}
    for found in pipeline.records():
        if found.headers.get("cause") == b"parent":
            number = int(found.key)
            counts[number] = counts.get(number, 0) + 1
    return counts


def marks_of(connection):
    """[(product id, cause)] of the marks that wait; the producer must not be running"""
    return connection.execute(f"SELECT product_id, cause FROM public.{odoo.MARKS}"
                              " ORDER BY id").fetchall()


def status(program):
    return json.loads(program.http("/status")[1])["parents"]


def through(pipeline):
    """The group has committed up to the present end of the topic."""
    ends = kafka_module.last_offsets(pipeline.records())
    return not pipeline.kafka.unread(pipeline.parents_group, pipeline.topic, ends)


def publish_and_stop_producer(pipeline, connection, *products):
    """Records of these products lie in the topic, and marks of parents are not read by anybody."""
    if not pipeline.producer.running:
        pipeline.producer.start()
    change(connection, *products)
    pipeline.wait_published()
    pipeline.producer.stop()


# What is marked


def test_component_change_publishes_its_kits(pipeline, connection, plain):
    inner, outer, other = plain[:3]
    make_kits(connection, [(KIT, inner, 1), (OUTER, inner, 2), (OUTER, KIT, 0), (OUTER, other, 1),
                           (STRUCTURE, inner, None)])
    pipeline.producer.start()
    pipeline.parents.start()
    change(connection, inner)
    pipeline.wait_settled()
    assert caused_by_parents(pipeline) == {KIT: 1, OUTER: 1}
    change(connection, outer)   # in no kit
    pipeline.wait_settled()
    assert caused_by_parents(pipeline) == {KIT: 1, OUTER: 1}
    change(connection, other)
    pipeline.wait_settled()
    assert caused_by_parents(pipeline) == {KIT: 1, OUTER: 2}
    shown = status(pipeline.parents)
    assert shown["state"] == "running"
    assert shown["partitions"] == 4
    assert shown["records"] == 6
    assert shown["expanded"] == 3
    assert shown["marks"] == 3
    assert pipeline.parents.metric("stocksync_parents_marks_inserted_total") == 3
    assert pipeline.parents.metric("stocksync_parents_record_to_mark_seconds_count") == 2
    assert pipeline.parents.stop() == 0
    assert "state=running->draining" in pipeline.parents.text()


def test_records_of_parents_are_not_expanded(pipeline, connection, plain):
    """A kit that is a component itself: its own record, made because of a component, ends there."""
    make_kits(connection, [(plain[1], plain[0], 1), (KIT, plain[1], 1)])
    pipeline.producer.start()
    pipeline.parents.start()
    change(connection, plain[0])
    pipeline.wait_settled()
    assert caused_by_parents(pipeline) == {plain[1]: 1}
    assert status(pipeline.parents)["expanded"] == 1
    pipeline.kafka.produce(pipeline.topic, str(plain[1]).encode(), None)   # without a cause
    wait.until(lambda: KIT in caused_by_parents(pipeline), "the kit is published")


def test_products_that_are_gone_and_strange_keys(pipeline, connection, plain):
    make_kits(connection, [(KIT, 800001, 1), (OUTER, plain[0], 1)])
    pipeline.producer.start()
    pipeline.parents.start()
    pipeline.kafka.produce(pipeline.topic, b"not-a-number", b"x")
    connection.execute(f"INSERT INTO public.{odoo.MARKS} (product_id) VALUES (800001)")
    pipeline.wait_settled()
    assert [found.value for found in pipeline.records() if found.key == b"800001"] == [None]
    assert caused_by_parents(pipeline) == {KIT: 1}
    change(connection, plain[0])
    pipeline.wait_settled()
    assert caused_by_parents(pipeline) == {KIT: 1, OUTER: 1}


def test_duplicates_in_the_topic_become_one_mark(pipeline, connection, plain,
                                                 faults_are_compiled_in):
    """What comes while a statement runs is merged. The first may hold a part of it only: Kafka hands
    partitions out one by one."""
    make_kits(connection, [(KIT, plain[0], 1), (KIT, plain[1], 1), (OUTER, plain[1], 1)])
    for _ in range(5):
        publish_and_stop_producer(pipeline, connection, plain[0], plain[1])
    written = min(found.timestamp_ms for found in pipeline.records())
    slow = {"STOCKSYNC_FAULT": "parents.before_mark:delay=2000:1"}
    result = programs.command("consumer", pipeline.config, "run", "--once", "--role", "parents",
                              env=slow)
    assert result.code == 0, result.text
    marks = marks_of(connection)
    assert set(marks) == {(KIT, 3), (OUTER, 3)}
    assert len(marks) <= 4
    first = connection.execute("SELECT (extract(epoch FROM min(date_added)) * 1000)::bigint"
                               f" FROM public.{odoo.MARKS}").fetchone()[0]
    assert first == written     # of the earliest record that led to a mark
    pipeline.command("consumer", "run", "--once", "--role", "parents")
    assert marks_of(connection) == marks


# Crashes and failures


@pytest.mark.parametrize("point", ["parents.before_mark", "parents.marked",
                                   "parents.before_commit"])
def test_kill_at(pipeline, connection, plain, faults_are_compiled_in, point):
    make_kits(connection, [(KIT, plain[0], 1)])
    publish_and_stop_producer(pipeline, connection, plain[0])
    victim = pipeline.parents
    victim.env = {"STOCKSYNC_FAULT": f"{point}:kill:1"}
    victim.start(ready=False)
    wait.until(lambda: not victim.running, lambda: f"it dies at {point}:\n{victim.tail()}")
    assert victim.wait() == -signal.SIGKILL
    victim.wanted = False
    assert len(marks_of(connection)) == (0 if point == "parents.before_mark" else 1)
    # Only where the stream begins is committed.
    assert set(pipeline.kafka.committed(pipeline.parents_group, pipeline.topic).values()) == {0}
    victim.env = None
    victim.start()
    wait.until(lambda: through(pipeline), "the group is through", alive=victim.alive)
    marks = marks_of(connection)
    assert set(marks) == {(KIT, 3)}
    assert len(marks) == (1 if point == "parents.before_mark" else 2)


def test_database_away_for_a_while(pipeline, connection, plain, postgres):
    make_kits(connection, [(KIT, plain[0], 1), (OUTER, plain[1], 1)])
    pipeline.producer.start()
    pipeline.parents.start()
    change(connection, plain[0])
    pipeline.wait_settled()
    with postgres.connect("postgres") as admin:
        admin.execute(f"ALTER DATABASE {pipeline.dbname} ALLOW_CONNECTIONS false")
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                      " AND application_name LIKE 'stocksync-consumer%%'", (pipeline.dbname,))
        change(connection, plain[1])
        wait.until(lambda: status(pipeline.parents)["state"] in ("broken", "misconfigured"),
                   "the loss is shown", alive=pipeline.alive)
        admin.execute(f"ALTER DATABASE {pipeline.dbname} ALLOW_CONNECTIONS true")
    pipeline.wait_settled()
    assert caused_by_parents(pipeline) == {KIT: 1, OUTER: 1}
    wait.until(lambda: status(pipeline.parents)["state"] == "running", "it runs again")
    assert pipeline.parents.metric("stocksync_parents_failures_total") >= 1


def test_missing_right_is_named_and_waited_for(pipeline, connection, postgres, plain, number):
    """A role of the consumer's own: check says which GRANT is missing; run waits for it."""
    role = f"parents_{number}"
    postgres.create_role(role)
    pipeline.producer.start()   # it makes the topic
    pipeline.producer.stop()
    try:
        pipeline.sections["odoo"]["dsn"] = postgres.dsn(pipeline.dbname, role)
        pipeline.sections["state"] = {"dsn": postgres.dsn(pipeline.dbname)}
        path = pipeline.write_config()
        connection.execute(f"GRANT USAGE ON SCHEMA stocksync TO {role}")
        result = programs.command("consumer", path, "check")
        assert result.code == programs.EXIT_CONFIG
        grant = f"GRANT SELECT ON stocksync.kit_component TO {role}"
        assert grant in result.text
        make_kits(connection, [(KIT, plain[0], 1)])
        parents = pipeline.another_consumer("run", "--role", "parents").start(ready=False)
        wait.until(lambda: parents.http("/status")[0] == 200
                   and status(parents)["state"] == "misconfigured", "it waits for the right",
                   alive=parents.alive)
        assert parents.http("/readyz")[0] == 503
        assert grant in status(parents)["why"]
        connection.execute(grant)
        parents.child.send(signal.SIGHUP)   # else it looks after some seconds
        wait.until(lambda: status(parents)["state"] == "running", "it runs", alive=parents.alive)
        assert parents.stop() == 0
        connection.execute("DROP TABLE stocksync.kit_component")
        result = programs.command("consumer", path, "check")
        assert "stocksync-producer install" in result.text
        result = programs.command("consumer", path, "run", "--once", "--role", "parents")
        assert result.code == programs.EXIT_CONFIG
    finally:
        pipeline.close()
        with psycopg.connect(postgres.dsn(pipeline.dbname), autocommit=True) as admin:
            admin.execute(f"DROP OWNED BY {role}")
        postgres.drop_role(role)


# Load


def test_two_instances_share_the_partitions(pipeline, connection, plain):
    make_kits(connection, [(KIT + n, product, 1) for n, product in enumerate(plain)])
    pipeline.producer.start()
    first, second = pipeline.parents.start(), pipeline.another_consumer("run", "--role", "parents")
    second.start()
    wait.until(lambda: status(first)["partitions"] == status(second)["partitions"] == 2,
               "each has two of four partitions")
    change(connection, *plain)
    pipeline.wait_settled()
    assert set(caused_by_parents(pipeline)) == {KIT + n for n in range(len(plain))}
    assert 0 < status(first)["marks"] < len(plain)
    second.kill()
    wait.until(lambda: status(first)["partitions"] == 4, "one takes over all", seconds=60)
    change(connection, *plain)
    pipeline.wait_settled()
    assert all(count >= 2 for count in caused_by_parents(pipeline).values())


def test_hot_component_is_paced(pipeline, connection, plain):
    """5,000 kits, their component changes 100 times: 20,000 marks a second at most, first at once."""
    make_kits(connection, [(KIT + n, plain[0], 1) for n in range(FAN)])
    pipeline.producer.start()
    pipeline.parents.start()
    began = time.monotonic()
    change(connection, plain[0])
    wait.until(lambda: status(pipeline.parents)["marks"] == FAN, "the first is marked", every=0.01)
    assert time.monotonic() - began < 3
    for _ in range(100):
        change(connection, plain[0])
        time.sleep(0.01)   # the rate is the point
    pipeline.wait_settled()
    seconds = time.monotonic() - began
    shown = status(pipeline.parents)
    assert shown["marks"] == FAN * shown["batches"]
    assert FAN < shown["marks"] <= 20000 * seconds + FAN
    assert set(caused_by_parents(pipeline)) == {KIT + n for n in range(FAN)}


def test_stop_does_not_wait_for_the_pace(pipeline, connection, plain, capsys):
    """100,000 kits in one go ask for five seconds of pause; stopping marks the rest at once."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO stocksync.kit_component (kit_id, component_id, need, yield)"
                       " SELECT 1000000 + n, %s, 1, 1 FROM generate_series(1, 100000) n",
                       (plain[0],))
    publish_and_stop_producer(pipeline, connection, plain[0])
    pipeline.parents.start()
    wait.until(lambda: status(pipeline.parents)["marks"] == 100000, "the first is marked")
    pipeline.kafka.produce(pipeline.topic, str(plain[0]).encode(), None)
    wait.until(lambda: status(pipeline.parents)["expanded"] == 2, "the second is read")
    began = time.monotonic()
    assert pipeline.parents.stop() == 0
    assert time.monotonic() - began < 4
    assert pipeline.marks() == 200000
    assert through(pipeline)


# Command line


def test_roles_that_are_run(pipeline, database):
    """No [odoo] dsn: role parents alone is refused by the key's name; unknown roles are wrong use."""
    result = programs.command("consumer", pipeline.config, "run", "--role", "kits")
    assert result.code == programs.EXIT_USAGE
    assert "stores and parents" in result.text
    result = programs.command("consumer", pipeline.config, "run", "--role", "stores")
    assert result.code == programs.EXIT_CONFIG      # there is no store
    assert "[store.NAME]" in result.text
    assert programs.command("consumer", pipeline.config, "check").code in (0, 78)
    pipeline.sections["state"] = {"dsn": pipeline.sections["odoo"]["dsn"]}
    pipeline.sections["odoo"] = {}
    result = programs.command("consumer", pipeline.write_config(), "run", "--role", "parents")
    assert result.code == programs.EXIT_CONFIG
    assert "[odoo] dsn" in result.text


def test_store_may_not_take_the_group_of_parents(pipeline):
    pipeline.sections["store.parents"] = {"shop_domain": "a.myshopify.com", "access_token": "x",
                                          "location.Berlin": "WH"}
    pipeline.sections["consumer"]["parents_group"] = None
    result = programs.command("consumer", pipeline.write_config(), "check")
    assert result.code == programs.EXIT_CONFIG
    assert "parents_group" in result.text
