"""Tokens that end, credentials that are refused, stores that are closed: the right state and reason,
the other store undisturbed, nothing lost, and no restart once it is cured."""

import hashlib
import json
import signal
from collections import Counter

import pytest

from conftest import outlet, wholesale
from lab import programs, wait

SCOPES = ["read_products", "read_inventory", "write_inventory", "read_locations"]
DAY_S = 86400


def short_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def status_of(pipeline, store):
    """What /status says of one store."""
    code, body = pipeline.consumer.http("/status")
    assert code == 200
    return next(one for one in json.loads(body)["stores"] if one["store"] == store.name)


def wait_state(pipeline, store, states, *words, seconds=30):
    """Waits until the lane is in one of these states, with every word in its reason."""
    def arrived():
        seen = status_of(pipeline, store)
        return seen["state"] in states and all(word in seen["why"] for word in words)
    wait.until(arrived, lambda: f"{states} {words}, last {status_of(pipeline, store)}",
               seconds=seconds, alive=pipeline.alive)


def hang_up(pipeline):
    pipeline.consumer.child.send(signal.SIGHUP)


def nothing_twice(pipeline, store):
    """No key took effect twice."""
    keys = Counter(entry["key"] for entry in pipeline.simulator.applied(store.name))
    assert [key for key, count in keys.items() if count > 1] == []


def credentials_stayed_at_home(pipeline):
    """Every token and secret of ours that arrived anywhere arrived at its own store."""
    homes = {}
    for store in pipeline.stores:
        homes[short_hash(store.secret if store.bought else store.token)] = store.name
    seen = Counter()
    for request in pipeline.simulator.requests():
        for kind in ("tokenHash", "secretHash"):
            home = homes.get(request[kind])
            assert home is None or request["shop"] == home, request
            seen[home] += 1
    assert all(seen[store.name] > 0 for store in pipeline.stores), seen
    for text in (pipeline.consumer.text(), pipeline.consumer.http("/status")[1]):
        assert "shpss_" not in text and "shpat_" not in text


@pytest.fixture
def bought(make_pipeline, database, number):
    """A store with client id and secret beside one with a static token."""
    pipeline = make_pipeline(database, outlet(number, bought=True), wholesale(number)).open_shops()
    pipeline.install()
    return pipeline


# Tokens that end


def test_token_ends_in_mid_stream_and_nobody_notices(bought, shop):
    store = bought.stores[0]
    bought.start()
    bought.backfill()
    bought.wait_settled()
    wait.until(lambda: status_of(bought, store)["token_left_s"] < DAY_S - 7,
               "the token is a few seconds old", alive=bought.alive)

    def end_tokens(transaction):
        if transaction.number == 60:
            bought.simulator.change_app(store.name, revoke=True)
    bought.replay(shop.tape, end_tokens)
    bought.wait_settled()
    bought.check(shop.after)
    nothing_twice(bought, store)
    stats = bought.simulator.stats(store.name)
    assert stats["tokensIssued"] == 2 and stats["tokensRefused"] == 0
    assert stats["wrongTokens"] > 0
    assert "unauthorised" not in bought.consumer.text()
    assert bought.consumer.metric("stocksync_store_tokens_total") == 2
    credentials_stayed_at_home(bought)


def test_day_goes_by_and_the_store_is_away_when_the_token_ends(bought, shop):
    """The old token is over, the new one cannot be had for a while: everything waits, nothing is lost."""
    store = bought.stores[0]
    bought.start()
    bought.backfill()
    bought.wait_settled()
    bought.simulator.fault(store.name, "html_5xx", operation="AccessToken", count=4)
    bought.simulator.advance(DAY_S)
    bought.replay(shop.tape)
    bought.wait_settled()
    bought.check(shop.after)
    nothing_twice(bought, store)
    assert bought.simulator.stats(store.name)["tokensIssued"] == 2
    assert bought.consumer.metric("stocksync_store_token_failures_total") >= 4


def test_token_is_renewed_before_it_ends(bought, shop):
    store = bought.stores[0]
    bought.simulator.change_app(store.name, tokenLifeS=8)
    bought.start()
    bought.backfill()
    bought.replay(shop.tape)
    wait.until(lambda: bought.simulator.stats(store.name)["tokensIssued"] >= 3,
               "two renewals", seconds=60, alive=bought.alive)
    bought.wait_settled()
    bought.check(shop.after)
    assert bought.simulator.stats(store.name)["wrongTokens"] == 0


# Refused, closed, wrong: state and reason, the neighbour, the cure


def refuse_static_token(pipeline, store):
    pipeline.simulator.change_app(store.name, token="shpat_replaced_0123456789")


def give_new_token(pipeline, store):
    store.write_credential("shpat_replaced_0123456789")
    hang_up(pipeline)


def uninstall(pipeline, store):
    pipeline.simulator.change_app(store.name, installed=False)


def install_again(pipeline, store):
    pipeline.simulator.change_app(store.name, installed=True)


def change_secret(pipeline, store):
    pipeline.simulator.change_app(store.name, clientSecret="shpss_replaced", revoke=True)


def give_new_secret(pipeline, store):
    store.write_credential("shpss_replaced")
    hang_up(pipeline)


def give_new_secret_in_silence(_pipeline, store):
    store.write_credential("shpss_replaced")


def take_scope(pipeline, store):
    pipeline.simulator.change_app(store.name, scopes=["read_products", "read_inventory"])


def grant_scope(pipeline, store):
    pipeline.simulator.change_app(store.name, scopes=SCOPES)
    hang_up(pipeline)


def freeze(pipeline, store):
    pipeline.simulator.fault(store.name, "status", status=402, message="shop is frozen")


def pay(pipeline, store):
    pipeline.simulator.heal(store.name)
    hang_up(pipeline)


TROUBLES = {
    "replaced token": (False, refuse_static_token, give_new_token, "unauthorised",
                       ["invalid access token"]),
    "uninstalled app": (True, uninstall, install_again, "unauthorised", ["app_not_installed"]),
    "changed secret": (True, change_secret, give_new_secret, "unauthorised", ["invalid_client"]),
    "changed secret, found by probing": (True, change_secret, give_new_secret_in_silence,
                                         "unauthorised", ["invalid_client"]),
    "missing scope": (True, take_scope, grant_scope, "misconfigured", ["write_inventory"]),
    "frozen shop": (True, freeze, pay, "closed", ["frozen"]),
}


def is_right(pipeline, store, products):
    return not pipeline.compare_levels(store, products)[2]


# Each trouble once, in one of the two ways; another version has a test of its own below.
IN_MID_STREAM = ["replaced token", "changed secret, found by probing", "frozen shop"]
AT_THE_START = ["uninstalled app", "changed secret", "missing scope"]


@pytest.mark.parametrize("trouble", IN_MID_STREAM)
def test_trouble_in_mid_stream_stops_one_store_until_it_is_cured(make_pipeline, database, number,
                                                                 shop, trouble):
    is_bought, breaks, cures, state, words = TROUBLES[trouble]
    pipeline = make_pipeline(database, outlet(number, bought=is_bought),
                             wholesale(number)).open_shops()
    pipeline.install()
    store, other = pipeline.stores
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    breaks(pipeline, store)
    pipeline.replay(shop.tape)
    wait_state(pipeline, store, [state], *words)
    wait.until(lambda: is_right(pipeline, other, shop.after), "the other store is right",
               seconds=60, alive=pipeline.alive)
    assert not is_right(pipeline, store, shop.after)
    assert status_of(pipeline, other)["state"] == "running"
    assert pipeline.consumer.is_ready()
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code != 0
    assert all(word in result.text for word in words), result.text
    cures(pipeline, store)
    wait_state(pipeline, store, ["running", "catching_up"], seconds=90)
    pipeline.wait_settled()
    pipeline.check(shop.after)
    nothing_twice(pipeline, store)


@pytest.mark.parametrize("trouble", AT_THE_START)
def test_trouble_at_the_start_is_told_and_cured(make_pipeline, database, number, shop, trouble):
    is_bought, breaks, cures, state, words = TROUBLES[trouble]
    pipeline = make_pipeline(database, outlet(number, bought=is_bought),
                             wholesale(number)).open_shops()
    pipeline.install()
    store, other = pipeline.stores
    breaks(pipeline, store)
    pipeline.start()
    pipeline.backfill()
    wait_state(pipeline, store, [state], *words)
    wait.until(lambda: is_right(pipeline, other, shop.before), "the other store is right",
               seconds=60, alive=pipeline.alive)
    assert pipeline.simulator.applied(store.name) == []
    cures(pipeline, store)
    pipeline.wait_settled()
    pipeline.check(shop.before)
    assert "shpss_" not in pipeline.consumer.text()


def test_nothing_is_written_under_a_version_that_was_not_asked_for(pipeline, shop):
    """At most what was on its way when the version changed."""
    store = pipeline.stores[0]
    pipeline.start()
    pipeline.backfill()
    pipeline.wait_settled()
    pipeline.simulator.fault(store.name, "version", version="2027-01")
    before = len(pipeline.simulator.journal(store.name))
    pipeline.replay(shop.tape[:100])
    wait_state(pipeline, store, ["misconfigured"], "2026-10", "2027-01")
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code != 0 and "2027-01" in result.text
    pipeline.wait_published()
    held = len(pipeline.simulator.journal(store.name))
    assert held - before <= 16      # requests in flight
    pipeline.replay(shop.tape[100:])
    pipeline.wait_published()
    checks_before = pipeline.simulator.stats(store.name)["requests"].get("StartCheck", 0)
    wait.until(lambda: pipeline.simulator.stats(store.name)["requests"]["StartCheck"]
               >= checks_before + 2, "two probes", seconds=60, alive=pipeline.alive)
    assert len(pipeline.simulator.journal(store.name)) == held
    pipeline.simulator.heal(store.name)
    hang_up(pipeline)
    pipeline.wait_settled()
    pipeline.check(shop.after)


def test_wrong_location_is_cured_without_a_restart(pipeline, shop):
    store = pipeline.stores[0]
    name, number = next(iter(store.location_ids.items()))
    rename = [{"id": number, "name": "Elsewhere"}]
    pipeline.simulator.call("POST", f"/control/shops/{store.name}/catalogue",
                            {"append": True, "locations": rename})
    pipeline.start()
    pipeline.backfill()
    wait_state(pipeline, store, ["misconfigured"], name)
    pipeline.simulator.call("POST", f"/control/shops/{store.name}/catalogue",
                            {"append": True, "locations": [{"id": number, "name": name}]})
    hang_up(pipeline)
    pipeline.wait_settled()
    pipeline.check(shop.before)


# Configuration


@pytest.mark.parametrize("credentials, word", [
    ({}, "has no credentials"),
    ({"client_id": "app"}, "client_secret_file"),
    ({"client_secret": "shpss_x"}, "no client_id"),
    ({"client_id": "app", "client_secret": "x", "access_token": "y"}, "keep"),
    ({"client_secret_file": "/nowhere", "access_token_file": "/nowhere"}, "keep")])
def test_exactly_one_kind_of_credential(pipeline, credentials, word):
    section = f"store.{pipeline.stores[0].name}"
    del pipeline.sections[section]["access_token_file"]
    pipeline.sections[section].update(credentials)
    path = pipeline.write_config()
    with open(path, encoding="utf-8") as file:
        line = [text.strip() for text in file].index(f"[{section}]") + 1
    result = programs.command("consumer", path, "check")
    assert result.code == programs.EXIT_CONFIG, result.text
    assert section in result.text and word in result.text and str(line) in result.text
    assert "shpss_x" not in result.text


def test_secrets_come_from_the_environment_or_systemd_and_are_not_shown(bought, directory):
    store = bought.stores[0]
    bought.producer.start()     # makes the topic, and knows the warehouses
    section = bought.sections[f"store.{store.name}"]
    del section["client_secret_file"]
    variable = f"STOCKSYNC_STORE_{store.name.upper()}_CLIENT_SECRET"
    path = bought.write_config()
    given = {variable: store.secret}
    result = programs.command("consumer", path, "config", env=given)
    assert result.code == 0 and "client_secret = ***" in result.text
    assert store.client_id in result.text and store.secret not in result.text
    assert programs.command("consumer", path, "check", env=given).code == 0
    section["client_secret_file"] = f"{store.name}.secret"
    path = bought.write_config()
    with open(f"{directory}/{store.name}.secret", "w", encoding="ascii") as file:
        file.write(store.secret)
    given = {"CREDENTIALS_DIRECTORY": directory}
    assert programs.command("consumer", path, "check", env=given).code == 0


def test_check_tells_what_is_wrong_with_bought_credentials(bought):
    """The refusal is shown as it came, the secret is not, and the other store is looked at."""
    store, other = bought.stores
    bought.producer.start()     # makes the topic, and knows the warehouses
    assert programs.command("consumer", bought.config, "check").code == 0
    store.write_credential("shpss_wrong")
    result = programs.command("consumer", bought.config, "check")
    assert result.code != 0 and "invalid_client" in result.text
    assert "shpss_wrong" not in result.text
    assert f"FAILED  store {store.name}" in result.text
    assert f"ok      store {other.name}" in result.text
