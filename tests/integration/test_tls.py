"""TLS to a store: whom we trust, what a person is told when we do not, and where credentials go."""

import os
import shutil
import socket
import subprocess
import threading
from collections import Counter

import pytest

from conftest import outlet, wholesale
from lab import programs, wait
from lab.authority import Authority
from lab.relay import Relay
from lab.simulator import Simulator
from test_credentials import (credentials_stayed_at_home, hang_up, is_right, status_of, wait_state)


def connections_of(pipeline, store):
    """{HTTP version: how many connections a shop's requests came on}"""
    return pipeline.simulator.stats(store.name)["connections"]


def option(pipeline, store, **options):
    pipeline.sections[f"store.{store.name}"].update(options)
    pipeline.write_config()


@pytest.fixture
def own_simulator(make_pipeline, database, number):
    """own_simulator(…) gives two stores of which the first one's shop is on a simulator made so."""
    running = []

    def make(**how):
        pipeline = make_pipeline(database, outlet(number), wholesale(number)).open_shops()
        simulator = Simulator(**how).start()
        running.append(simulator)
        store = pipeline.stores[0]
        store.open_shop(simulator, pipeline.skus)
        option(pipeline, store, api_url=simulator.api_url(store.name, tls=True),
               ca_file=simulator.ca_file)
        pipeline.install()
        return pipeline, simulator

    yield make
    for simulator in running:
        simulator.stop()


def check_says(pipeline, store, *words):
    """`check` fails for this store alone, with every word in its line."""
    if not pipeline.producer.running:
        pipeline.producer.start()   # makes the topic and names the warehouses
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code != programs.EXIT_OK, result.text
    failed = [line for line in result.out.splitlines() if line.startswith("FAILED")]
    assert len(failed) == 1 and f"store {store.name}" in failed[0], result.text
    assert all(word in failed[0] for word in words), failed[0]


# Connections


def test_one_connection_over_http2_carries_a_store(pipeline, shop):
    """Sixteen mutations and a read may be in flight: over TLS they share a connection, in plain
    HTTP/1.1 each has its own, and all of them are used again."""
    tls, plain = pipeline.stores
    for store in pipeline.stores:
        pipeline.simulator.fault(store.name, "slow", delayMs=30)
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape)
    pipeline.wait_settled()
    pipeline.check(shop.after)
    assert connections_of(pipeline, tls) == {"2.0": 1}
    assert set(connections_of(pipeline, plain)) == {"1.1"}
    assert connections_of(pipeline, plain)["1.1"] <= 17
    for store in pipeline.stores:
        used = Counter(one["connection"] for one in pipeline.simulator.requests(store.name))
        assert max(used.values()) > 5, used


def test_peer_without_http2_is_served_over_kept_connections(own_simulator, shop):
    pipeline, simulator = own_simulator(http1=True)
    store = pipeline.stores[0]
    pipeline.start()
    pipeline.backfill()
    pipeline.replay(shop.tape)
    pipeline.wait_published()
    wait.until(lambda: is_right_at(simulator, pipeline, store, shop.after), "the levels are right",
               seconds=60, alive=pipeline.alive)
    stats = simulator.stats(store.name)
    assert set(stats["connections"]) == {"1.1"}
    assert sum(stats["requests"].values()) > 2 * stats["connections"]["1.1"]


def is_right_at(simulator, pipeline, store, products):
    levels = simulator.levels(store.name)
    expected = pipeline.expected(store, products)
    return all(levels[pair][store.quantity] == wanted for pair, wanted in expected.items())


# Whom we trust


IDENTITIES = {
    "another host's": ({"names": "DNS:other.example"}, ["another host's", "127.0.0.1"]),
    "expired": ({"days": -1}, ["not valid now", "renewed"]),
    "unknown authority": ({}, ["neither", "ca.pem", "signed its certificate"]),
}


@pytest.mark.parametrize("kind", IDENTITIES)
def test_certificate_that_is_wrong_stops_one_store(own_simulator, directory, shop, kind):
    """Nothing is sent to it, the other store goes on, and a person is told what to do."""
    how, words = IDENTITIES[kind]
    authority = Authority(os.path.join(directory, "other"))
    pipeline, simulator = own_simulator(identity=authority.issue("shop", **how))
    store, other = pipeline.stores
    if how:
        option(pipeline, store, ca_file=authority.file)
    check_says(pipeline, store, *words)
    pipeline.consumer.start()
    pipeline.backfill()
    wait_state(pipeline, store, ["misconfigured"], *words)
    wait.until(lambda: is_right(pipeline, other, shop.before), "the other store is right",
               seconds=60, alive=pipeline.alive)
    assert simulator.stats(store.name)["requests"] == {}
    assert simulator.requests() == []
    assert f"store={store.name}" in pipeline.consumer.text()


def test_system_without_ca_file_is_told_of_the_option(pipeline):
    store = pipeline.stores[0]
    option(pipeline, store, ca_file=None)
    check_says(pipeline, store, "ca_file", "127.0.0.1")


@pytest.mark.parametrize("content, words", [
    (None, ["cannot read ca_file"]),
    ("not a certificate\n", ["no certificate"]),
    ("-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----\n", ["cannot be read"])])
def test_ca_file_that_cannot_be_used_is_named(pipeline, directory, content, words):
    store = pipeline.stores[0]
    path = os.path.join(directory, "authorities.pem")
    if content is not None:
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
    option(pipeline, store, ca_file=path)
    check_says(pipeline, store, path, *words)


def test_ca_file_that_is_cured_needs_no_restart(pipeline, directory, shop):
    store = pipeline.stores[0]
    path = os.path.join(directory, "authorities.pem")
    shutil.copy(Authority(os.path.join(directory, "other")).file, path)
    option(pipeline, store, ca_file=path)
    pipeline.start()
    pipeline.backfill()
    wait_state(pipeline, store, ["misconfigured"], "vouch for")
    pipeline.replay(shop.tape)
    shutil.copy(pipeline.simulator.ca_file, path)
    hang_up(pipeline)
    pipeline.wait_settled()
    pipeline.check(shop.after)
    assert status_of(pipeline, store)["state"] == "running"


def test_impostor_in_mid_stream_learns_nothing(pipeline, directory, shop):
    """The address leads to another server from now on: it gets no request, the lane stands. When a
    person trusts it after all, the same session goes on with it."""
    store = pipeline.stores[0]
    path = os.path.join(directory, "authorities.pem")
    shutil.copy(pipeline.simulator.ca_file, path)
    with Simulator() as impostor, Relay(pipeline.simulator.tls_port) as relay:
        store.open_shop(impostor, pipeline.skus)
        # the impostor holds other numbers everywhere: the brake would hold the store
        option(pipeline, store, ca_file=path, brake_percent=100, brake_change_percent=100,
               api_url=f"https://127.0.0.1:{relay.port}/shops/{store.name}")
        pipeline.start()
        pipeline.backfill()
        pipeline.wait_settled()
        relay.switch(impostor.tls_port)
        pipeline.replay(shop.tape)
        wait_state(pipeline, store, ["misconfigured"], "vouch for", path)
        assert impostor.requests() == []
        shutil.copy(impostor.ca_file, path)
        hang_up(pipeline)
        pipeline.wait_settled()
        assert impostor.applied(store.name) != []
        assert set(impostor.stats(store.name)["connections"]) == {"2.0"}
        assert "event=session_failed" not in pipeline.consumer.text()


def test_ca_file_adds_to_the_systems_authorities(pipeline, directory):
    """With ca_file naming another authority, a certificate that the system trusts is still good."""
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    store = pipeline.stores[0]
    option(pipeline, store, ca_file=Authority(os.path.join(directory, "other")).file)
    check_says(pipeline, store, "neither")
    system = os.path.join(directory, "system.crt")
    with open(system, "w", encoding="ascii") as file:
        for part in (bundle, pipeline.simulator.ca_file):
            with open(part, encoding="utf-8") as source:
                file.write(source.read())
    line = [programs.binary("consumer"), "-c", pipeline.config, "check"]
    inside = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$1" || exit 99; shift; exec "$@"',
              system, bundle, *line]
    done = subprocess.run(inside, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, timeout=60, env=programs.environment())
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"this account may not change what it sees mounted: {done.stderr}")
    assert done.returncode == 0, done.stdout + done.stderr


# Where credentials go


class Stranger:
    """Another host that a redirect names: it only counts who comes."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.visits = 0
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self):
        while True:
            try:
                self._listener.accept()[0].close()
            except OSError:
                return
            self.visits += 1

    def close(self):
        self._listener.close()


@pytest.mark.parametrize("index, scheme, status", [
    (0, "https", 301), (0, "http", 308), (1, "http", 307)])
def test_redirect_is_not_followed(pipeline, shop, index, scheme, status):
    """Neither over TLS nor in plain: the lane stands until it is over, and no token leaves home."""
    store = pipeline.stores[index]
    stranger = Stranger()
    try:
        pipeline.simulator.fault(store.name, "status", status=status,
                                 location=f"{scheme}://{stranger.address}/admin")
        pipeline.start()
        pipeline.backfill()
        wait_state(pipeline, store, ["misconfigured"], str(status))
        pipeline.simulator.heal(store.name)
        hang_up(pipeline)
        pipeline.wait_settled()
        pipeline.check(shop.before)
        assert stranger.visits == 0
        credentials_stayed_at_home(pipeline)
    finally:
        stranger.close()
