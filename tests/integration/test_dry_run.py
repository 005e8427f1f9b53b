"""A dry run: everything is read, nothing is written anywhere, and a real run afterwards does it all."""

import json
import re

from lab import checks, programs, stores, wait

LINE = re.compile(r'store=(\S+) product=(\d+) sku="((?:[^"\\]|\\.)*)" item=(\d+) location=(\d+) from=(-?\d+)'
                  r' to=(-?\d+) cause=(\w+)$')
STATE = ("level", "attempt", "product", "parked", "in_flight", "guard", "blocked_partition")


def printed(text, store):
    """{(item, location): (from, to)} of the lines of one store."""
    lines = [match for match in map(LINE.match, text.splitlines()) if match]
    found = {(int(one[4]), int(one[5])): (int(one[6]), int(one[7])) for one in lines
             if one[1] == store.name}
    assert len(found) == len([one for one in lines if one[1] == store.name])    # each pair once
    return found


def summary(text, store):
    return next(line for line in text.splitlines()
                if line.startswith(f"store={store.name} would write"))


def rows(pipeline):
    return {table: pipeline.connection.execute(
        f"SELECT md5(string_agg(t::text, E'\\n' ORDER BY t::text)), count(*) FROM stocksync.{table}"
        " t").fetchone() for table in STATE}


def published(pipeline):
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()


def test_dry_run_prints_everything_and_a_real_run_does_it(pipeline, shop):
    published(pipeline)
    for units in (1, -1):       # a history, of which only the end counts
        pipeline.connection.execute("UPDATE stock_quant SET quantity = quantity + %s", (units,))
        pipeline.wait_published()
    before = rows(pipeline)
    assert {count for _, count in before.values()} == {0}
    result = pipeline.command("consumer", "run", "--dry-run", "--once", seconds=120)
    for store in pipeline.stores:
        assert pipeline.simulator.journal(store.name) == []
        assert set(pipeline.kafka.committed(store.group, pipeline.topic).values()) == {-1}
        found = printed(result.out, store)
        expected = pipeline.expected(store, shop.before)
        assert {key: found[key] for key in expected} == {
            key: (stores.WRONG_START, value) for key, value in expected.items()}
        assert f"would write {len(found)} of {len(found)} levels" in summary(result.out, store)
        assert "no_sku" in summary(result.out, store)
        assert "the brake would hold" not in summary(result.out, store)     # a first load
    assert rows(pipeline) == before
    pipeline.consumer.start()
    pipeline.wait_settled()
    pipeline.check(shop.before)


def test_dry_run_beside_a_running_consumer_takes_nothing_from_it(pipeline, connection, shop):
    published(pipeline)
    pipeline.consumer.start()
    pipeline.wait_settled()
    before = rows(pipeline)
    result = pipeline.command("consumer", "run", "--dry-run", "--once", seconds=120)
    for store in pipeline.stores:
        assert printed(result.out, store) == {}
        assert re.search(r"would write 0 of (\d+) levels", summary(result.out, store))[1] != "0"
    assert rows(pipeline) == before
    for one in json.loads(pipeline.consumer.http("/status")[1])["stores"]:
        assert one["partitions"] == 4
    pipeline.check(shop.before)


def test_dry_run_says_what_the_brake_would_hold(pipeline, connection):
    published(pipeline)
    pipeline.consumer.start()
    pipeline.wait_settled()
    assert pipeline.consumer.stop() == 0
    connection.execute("UPDATE stock_quant SET quantity = 0, reserved_quantity = 0")
    pipeline.wait_published()
    result = pipeline.command("consumer", "run", "--dry-run", "--once", seconds=120)
    for store in pipeline.stores:
        found = printed(result.out, store)
        assert any(before > 0 == after for before, after in found.values())
        assert "the brake would hold" in summary(result.out, store)


def test_store_with_dry_run_on_beside_one_without(pipeline, shop):
    dry, real = pipeline.stores
    pipeline.sections[f"store.{dry.name}"]["dry_run"] = "on"
    pipeline.write_config()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_published()
    wait.until(lambda: not pipeline.compare_levels(real, shop.before)[2], "the real one is equal")
    wait.until(lambda: "event=would_write" in pipeline.consumer.text(), "the dry one says it")
    status, = [one for one in json.loads(pipeline.consumer.http("/status")[1])["stores"]
               if one["store"] == dry.name]
    assert status["dry_run"] is True
    assert pipeline.consumer.stop() == 0
    assert "event=summary" in pipeline.consumer.text()
    assert pipeline.simulator.journal(dry.name) == []
    assert pipeline.connection.execute(
        "SELECT count(*) FROM stocksync.level WHERE store = %s", (dry.name,)).fetchone() == (0,)
    pipeline.sections[f"store.{dry.name}"]["dry_run"] = None
    pipeline.write_config()
    pipeline.consumer.start()
    pipeline.wait_settled()
    checks.expect(pipeline.compare_levels(dry, shop.before)[2], dry.name)


def test_dry_run_is_for_stores(pipeline):
    result = programs.command("consumer", pipeline.config, "run", "--dry-run", "--role", "parents")
    assert result.code == programs.EXIT_USAGE


def test_store_named_like_another_ones_dry_run_is_refused(pipeline):
    first = pipeline.stores[0].name
    pipeline.sections[f"store.{first}-dry-run"] = dict(pipeline.sections[f"store.{first}"])
    result = programs.command("consumer", pipeline.write_config(), "check")
    assert result.code == programs.EXIT_CONFIG
    assert "dry run" in result.text
