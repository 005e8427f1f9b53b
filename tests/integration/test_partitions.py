"""install --partitions: the topic grows by command alone, next to a running producer."""

import pytest

from lab import odoo, programs

MARK = f"INSERT INTO public.{odoo.MARKS} (product_id) SELECT id FROM product_product LIMIT 50"
FOREIGN = "5f0f3c0e-0000-4000-8000-000000000001"


@pytest.fixture
def bare(make_pipeline, database):
    """Nothing installed."""
    return make_pipeline(database)


def ask(pipeline, *arguments):
    return programs.command("producer", pipeline.config, "install", *arguments)


def accepted(connection):
    return connection.execute("SELECT partitions FROM stocksync.owner").fetchone()[0]


def refused(pipeline, number, *words, code=programs.EXIT_USAGE):
    result = ask(pipeline, "--partitions", number)
    assert result.code == code, result.text
    for word in words:
        assert word in result.text


def store_stream(connection, partitions):
    """The present stream, as a producer notes it."""
    connection.execute(
        "INSERT INTO stocksync.stream (id, why, first_revision, topic, cluster, system_identifier,"
        " timeline, database_oid) VALUES (%s, 'first', 4611686018427387904, 't', '', 1, 1, 1)",
        (FOREIGN,))
    connection.execute("INSERT INTO stocksync.stream_partition SELECT %s, n, 0, 0"
                       " FROM generate_series(0, %s) n", (FOREIGN, partitions - 1))


def test_topic_grows_next_to_a_running_producer(bare, connection, kafka):
    refused(bare, 6, "stocksync-producer install", code=programs.EXIT_CONFIG)
    bare.install()
    refused(bare, 6, f"topic '{bare.topic}' does not exist", "[topic] partitions = 6",
            code=programs.EXIT_CONFIG)
    bare.producer.start()
    refused(bare, 3, "[topic] partitions = 4", "lower it first")
    refused(bare, 4, "has 4 already")
    refused(bare, 0, "--partitions")
    result = ask(bare, "--partitions", 6, "--dry-run")
    assert result.code == programs.EXIT_USAGE and "--dry-run" in result.text
    assert accepted(connection) is None and kafka.partitions(bare.topic) == 4
    connection.execute(MARK)
    bare.wait_published()
    before = bare.records()

    result = bare.command("producer", "install", "--partitions", 6)
    assert f"topic '{bare.topic}': 6 partitions, 4 before" in result.out
    assert "new stream" in result.out and "[topic] partitions = 6" in result.out
    assert kafka.partitions(bare.topic) == 6 and accepted(connection) == 6
    refused(bare, 5, "has 6, and Kafka takes none away")
    refused(bare, 6, "has 6 already")
    connection.execute(MARK)
    bare.wait_published()
    bare.producer.stop()
    lines = bare.command("consumer", "history", *[word for found in before for word in
                                                  ("--product", found.key.decode())]).out
    for found in before:   # most of these products are in another partition now
        assert f'"partition":{found.partition},"offset":{found.offset},' in lines

    # A number that another tool set is accepted on request.
    connection.execute("UPDATE stocksync.owner SET partitions = NULL")
    store_stream(connection, 4)
    result = bare.command("producer", "install", "--partitions", 6)
    assert "6 partitions already, its stream has 4: accepted" in result.out
    assert accepted(connection) == 6
    # What the cluster refuses is not accepted.
    kafka.delete_topic(bare.topic)
    refused(bare, 7, "does not exist", code=programs.EXIT_CONFIG)
    assert accepted(connection) == 6
