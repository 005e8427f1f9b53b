"""Wrong settings, missing things, damaged data: a clear message, the right exit code, nothing lost."""

import pytest

from conftest import outlet
from lab import process, programs, stores, wait
from lab.kafka import Kafka
from lab.pipeline import Pipeline
from lab.postgres import Postgres

AWAY, CONFIG, USAGE = programs.EXIT_AWAY, programs.EXIT_CONFIG, programs.EXIT_USAGE


def expect_failure(result, code, *words):
    """The exit code, and every word in what was printed."""
    assert result.code == code, result.text
    missing = [word for word in words if str(word) not in result.text]
    assert not missing, f"{missing} not in:\n{result.text}"


def parked(pipeline, store, reason):
    """{subject: detail} of what a store parked for a reason."""
    return dict(pipeline.connection.execute(
        "SELECT subject, detail FROM stocksync.parked WHERE store = %s AND reason = %s",
        (store.name, reason)).fetchall())


# Settings


@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_unknown_option_names_its_line(pipeline, program):
    pipeline.sections[program]["colour"] = "blue"
    path = pipeline.write_config()
    with open(path, encoding="utf-8") as file:
        line = [text.strip() for text in file].index("colour = blue") + 1
    expect_failure(programs.command(program, path, "check"), CONFIG, "colour", line)


@pytest.mark.parametrize("section, former, value, name", [
    ("consumer", "requests", "4", "max_requests"), ("store", "grace", "10m", "unimported_sale_grace"),
    ("store", "percent", "90", "offer_percent"), ("store", "track", "on", "track_items"),
    ("store", "activate", "on", "activate_levels")])
def test_former_option_name_is_refused_and_the_new_one_named(pipeline, section, former, value, name):
    if section == "store":
        section = f"store.{pipeline.stores[0].name}"
    pipeline.sections[section][former] = value
    path = pipeline.write_config()
    with open(path, encoding="utf-8") as file:
        line = [text.strip() for text in file].index(f"{former} = {value}") + 1
    expect_failure(programs.command("consumer", path, "check"), CONFIG,
                   f"{former} is now called {name}", line)


@pytest.mark.parametrize("section, key, value", [
    ("topic", "partitions", "many"), ("topic", "partitions", "-3"), ("gc", "every", "tomorrow"),
    ("producer", "mode", "magic")])
def test_bad_value_names_its_line(pipeline, section, key, value):
    pipeline.sections.setdefault(section, {})[key] = value
    path = pipeline.write_config()
    with open(path, encoding="utf-8") as file:
        line = [text.strip() for text in file].index(f"{key} = {value}") + 1
    expect_failure(programs.command("producer", path, "check"), CONFIG, key, line)


@pytest.mark.parametrize("key, value", [("quantity", "reserved"), ("basis", "guess"),
                                        ("offer_percent", "lots"), ("shop_domain", "")])
def test_bad_store_value_names_its_line(pipeline, key, value):
    store = pipeline.stores[0]
    pipeline.sections[f"store.{store.name}"][key] = value
    path = pipeline.write_config()
    expect_failure(programs.command("consumer", path, "check"), CONFIG, key)


def test_all_problems_are_reported_together(pipeline):
    pipeline.sections["topic"]["partitions"] = "many"
    pipeline.sections["producer"]["colour"] = "blue"
    expect_failure(programs.command("producer", pipeline.write_config(), "check"), CONFIG,
                   "partitions", "colour")


def test_missing_file_is_named(directory):
    expect_failure(programs.command("producer", f"{directory}/nowhere.ini", "check"), CONFIG,
                   "nowhere.ini")


@pytest.mark.parametrize("program", ["producer", "consumer"])
def test_unknown_command(pipeline, program):
    expect_failure(programs.command(program, pipeline.config, "dance"), USAGE, "dance")


def test_unknown_kafka_property_is_refused_with_its_name(pipeline):
    pipeline.sections["kafka"]["no.such.property"] = "1"
    expect_failure(programs.command("producer", pipeline.write_config(), "check"), CONFIG,
                   "no.such.property")


def test_secrets_are_never_printed(pipeline):
    pipeline.sections["odoo"]["dsn"] += " password=hush-hush"
    path = pipeline.write_config()
    for program in ("producer", "consumer"):
        result = programs.command(program, path, "config")
        assert result.code == 0, result.text
        assert "hush-hush" not in result.text
        for store in pipeline.stores:
            assert store.token not in result.text


def test_unknown_location_and_warehouse_are_named(pipeline):
    pipeline.producer.start()  # it tells the consumers which warehouses there are
    store = pipeline.stores[0]
    section = pipeline.sections[f"store.{store.name}"]
    section["location.Atlantis"] = "WH"
    result = programs.command("consumer", pipeline.write_config(), "check")
    assert result.code != 0
    assert "Atlantis" in result.text
    del section["location.Atlantis"]
    section["location.Munich"] = "XX"
    result = programs.command("consumer", pipeline.write_config(), "check")
    assert result.code != 0
    assert "XX" in result.text


# Odoo's database


def test_wrong_dsn(pipeline):
    pipeline.sections["odoo"]["dsn"] = f"host=127.0.0.1 port={process.free_port()} dbname=shop"
    path = pipeline.write_config()
    expect_failure(programs.command("producer", path, "install"), AWAY, "127.0.0.1")
    expect_failure(programs.command("producer", path, "check"), AWAY, "127.0.0.1")


def test_malformed_dsn(pipeline):
    pipeline.sections["odoo"]["dsn"] = "host=/run dbnam=shop"
    result = programs.command("producer", pipeline.write_config(), "check")
    assert result.code in (AWAY, CONFIG)
    assert "dbnam" in result.text


def test_run_without_install_says_so(make_pipeline, database):
    pipeline = make_pipeline(database)
    result = programs.command("producer", pipeline.config, "check")
    assert result.code != 0
    assert "install" in result.text


def test_producer_waits_for_a_database_that_is_away(shop):
    """Started before PostgreSQL: not ready, not ended; ready as soon as it is there."""
    with Postgres() as postgres, Kafka() as kafka:
        postgres.create_database("shop")
        shop.restore(postgres, "shop")
        pipeline = Pipeline(postgres, kafka, None, "shop", "stock", [])
        try:
            pipeline.install()
            pipeline.connection.close()
            postgres.child.stop()
            pipeline.producer.start(ready=False)
            wait.until(lambda: pipeline.producer.http("/healthz")[0] == 200, "it answers",
                       alive=pipeline.producer.alive)
            assert not pipeline.producer.is_ready()
            postgres.start()
            pipeline.producer.wait_ready(seconds=60)
            pipeline.reconnect()
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            pipeline.close()


# Kafka


def test_kafka_absent_at_start_then_lost_then_back(shop):
    with Postgres() as postgres, Kafka() as kafka:
        postgres.create_database("shop")
        shop.restore(postgres, "shop")
        pipeline = Pipeline(postgres, kafka, None, "shop", "stock", [])
        try:
            kafka.pause()
            result = programs.command("producer", pipeline.config, "check", seconds=120)
            assert result.code != 0
            assert kafka.bootstrap in result.text
            pipeline.install()
            pipeline.producer.start(ready=False)
            wait.until(lambda: pipeline.producer.http("/healthz")[0] == 200, "it answers",
                       alive=pipeline.producer.alive)
            assert not pipeline.producer.is_ready()
            pipeline.replay(shop.tape[:20])
            marks = pipeline.marks()
            assert marks > 0
            kafka.start()
            pipeline.producer.wait_ready(seconds=60)
            pipeline.wait_published()
            kafka.pause()
            pipeline.replay(shop.tape[20:40])
            wait.until(lambda: pipeline.producer.text().count("BROKER_LOST") or
                       not pipeline.producer.is_ready(), "the loss is seen", seconds=60,
                       alive=pipeline.producer.alive)
            assert pipeline.marks() > 0
            kafka.start()
            pipeline.wait_published(seconds=90)
        except BaseException:
            print(pipeline.logs())
            raise
        finally:
            pipeline.close()


@pytest.mark.parametrize("name, value", [("cleanup.policy", "delete"),
                                         ("cleanup.policy", "compact,delete")])
def test_topic_with_a_wrong_setting(make_pipeline, database, kafka, name, value):
    pipeline = make_pipeline(database)
    kafka.create_topic(pipeline.topic, 4, {name: value})
    pipeline.install()
    expect_failure(programs.command("producer", pipeline.config, "check"), CONFIG, pipeline.topic,
                   name)
    pipeline.producer.start(ready=False)
    shown = pipeline.producer.wait_state("waiting")
    assert shown["reason"] == "TOPIC_UNFIT"
    assert pipeline.topic in shown["why"] and name in shown["why"]
    kafka.delete_topic(pipeline.topic)
    pipeline.producer.wait_ready()


# Stores


def test_token_refused_stops_one_store_and_loses_nothing(pipeline, shop):
    refused, good = pipeline.stores
    pipeline.simulator.fault(refused.name, "auth_lost")
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape)
    pipeline.wait_published()
    wait.until(lambda: not pipeline.compare_levels(good, shop.after)[2],
               "the other store is right", seconds=60, alive=pipeline.alive)
    assert pipeline.simulator.applied(refused.name) == []
    status = pipeline.consumer.http("/status")[1]
    assert "unauthorised" in status
    assert parked(pipeline, refused, "auth") == {}
    assert set(pipeline.kafka.committed(refused.group, pipeline.topic).values()) == {-1}
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code != 0
    assert refused.name in result.text
    assert refused.token not in result.text + pipeline.consumer.text()
    pipeline.simulator.heal(refused.name)
    pipeline.consumer.stop()
    pipeline.consumer.start()
    pipeline.wait_settled()
    pipeline.check(shop.after)


def test_products_that_have_no_place_are_parked_with_the_reason(pipeline, connection, shop):
    """No SKU, an unknown SKU, a SKU twice in Shopify: each is parked, the rest flows."""
    store = pipeline.stores[0]
    expected = pipeline.expected(store, shop.before)
    ids = [number for number in sorted(shop.before)
           if (stores.ITEM_BASE + number, 5001) in expected]
    no_sku, unknown, twice, fine = ids[:4]
    connection.execute("UPDATE public.product_product SET default_code = NULL WHERE id = %s",
                       (no_sku,))
    connection.execute("UPDATE public.product_product SET default_code = 'NOT-IN-SHOPIFY'"
                       " WHERE id = %s", (unknown,))
    pipeline.skus += [(9999, shop.before[twice].sku, "")]
    pipeline.open_shops()
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    assert f"product/{no_sku}" in parked(pipeline, store, "no_sku")
    assert f"product/{unknown}" in parked(pipeline, store, "unmapped")
    details = parked(pipeline, store, "sku_shared_in_shopify")
    assert shop.before[twice].sku in details[f"product/{twice}"]
    level = pipeline.simulator.levels(store.name)[stores.ITEM_BASE + fine, 5001]
    assert level["available"] == expected[stores.ITEM_BASE + fine, 5001]
    for item in (stores.ITEM_BASE + twice, stores.ITEM_BASE + 9999):
        assert pipeline.simulator.levels(store.name)[item, 5001]["available"] == stores.WRONG_START


@pytest.mark.parametrize("value", [
    b"", b"hello", b"\x00\x00\x00\x00\x07rest"], ids=["empty", "text", "confluent"])
def test_corrupt_record_is_parked_and_the_rest_flows(pipeline, shop, value):
    """It lies before the good ones of its partition."""
    pipeline.producer.start()
    partition = 1
    offset = pipeline.kafka.produce(pipeline.topic, b"424242", value, partition=partition)
    pipeline.backfill()
    pipeline.wait_published()
    pipeline.consumer.start()
    for store in pipeline.stores:
        subject = f"record/{pipeline.topic}/{partition}/{offset}"
        wait.until(lambda store=store: subject in parked(pipeline, store, "undecodable"),
                   f"{subject} is parked by {store.name}", alive=pipeline.alive)
        wait.until(lambda store=store: not pipeline.compare_levels(store, shop.before)[2],
                   f"{store.name} is right", seconds=60, alive=pipeline.alive)


def test_key_that_is_no_product_is_parked(pipeline, shop):
    pipeline.producer.start()
    offset = pipeline.kafka.produce(pipeline.topic, b"not-a-number", None, partition=2)
    pipeline.backfill()
    pipeline.wait_published()
    pipeline.consumer.start()
    for store in pipeline.stores:
        subject = f"record/{pipeline.topic}/2/{offset}"
        wait.until(lambda store=store: subject in parked(pipeline, store, "undecodable"),
                   f"{subject} is parked by {store.name}", alive=pipeline.alive)
        wait.until(lambda store=store: not pipeline.compare_levels(store, shop.before)[2],
                   f"{store.name} is right", seconds=60, alive=pipeline.alive)


def test_store_without_state_schema_says_install(make_pipeline, database, number):
    pipeline = make_pipeline(database, outlet(number)).open_shops()
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code != 0
    assert "install" in result.text
