"""Servers for the whole session, a database, a topic and stores of its own for each test."""

import itertools
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

from lab import odoo, process  # noqa: E402
from lab.kafka import Kafka  # noqa: E402
from lab.pipeline import Pipeline  # noqa: E402
from lab.postgres import Postgres  # noqa: E402
from lab.simulator import Simulator  # noqa: E402
from lab.stores import Store  # noqa: E402

TEMPLATE = "shop_a"
_numbers = itertools.count(1)


# Their tests take a minute or two each: begun last, they would keep the other workers waiting.
LONG = ("test_streams", "test_frozen_consumer")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.module.__name__ not in LONG)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Fixtures see in `item.failed` whether the test failed, and add the programs' logs to it."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        item.failed = True
        for pipeline in getattr(item, "pipelines", []):
            report.sections.append((f"programs of {pipeline.topic}", pipeline.logs()))


@pytest.fixture(scope="session")
def postgres():
    with Postgres() as server:
        yield server


@pytest.fixture(scope="session")
def kafka():
    with Kafka() as server:
        yield server


@pytest.fixture(scope="session")
def simulator():
    Simulator.setup()
    with Simulator() as server:
        yield server


@pytest.fixture(scope="session")
def shop():
    """Data set A: base, tape, oracles."""
    return odoo.DataSet("a")


@pytest.fixture(scope="session")
def template(postgres, shop):
    """A database with the shop before the tape; never connected to, only copied."""
    postgres.create_database(TEMPLATE)
    shop.restore(postgres, TEMPLATE)
    return TEMPLATE


@pytest.fixture
def number():
    """A number that no other test of this run has: for names that must be one's own."""
    return next(_numbers)


@pytest.fixture
def database(postgres, template, number):
    """The name of a fresh copy of the shop."""
    name = f"shop_{number}"
    postgres.create_database(name, template)
    yield name
    postgres.drop_database(name)


@pytest.fixture
def connection(postgres, database):
    with postgres.connect(database) as connection:
        yield connection


@pytest.fixture
def directory():
    path = process.scratch("stocksync-test-")
    yield path
    process.remove(path)


def outlet(number, **more):
    """Sets `available` from free stock; warehouses added up; keeps two back. Over TLS."""
    return Store(**{"name": f"outlet{number}", "quantity": "available", "basis": "free",
                    "locations": {"Berlin": ["WH", "NO"], "Munich": ["SO"]}, "buffer": 2,
                    "tls": True, **more})


def wholesale(number, **more):
    """Sets `on_hand` from what lies there; another map; nine tenths, at most 500. Plain
    HTTP, as on a loopback address."""
    return Store(**{"name": f"wholesale{number}", "quantity": "on_hand", "basis": "on_hand",
                    "locations": {"Central": ["WH", "NO", "SO"], "Abroad": ["Second Co/Secon"]},
                    "offer_percent": 90, "cap": 500, "location_base": 6000, **more})


@pytest.fixture
def make_pipeline(request, postgres, kafka, number):
    """make_pipeline(database, stores…) builds a Pipeline that is ended after the test."""
    made = request.node.pipelines = []

    def make(database, *stores, options=None):
        simulator = request.getfixturevalue("simulator") if stores else None
        pipeline = Pipeline(postgres, kafka, simulator, database,
                            f"stock.{number}.{len(made)}", stores, options)
        made.append(pipeline)
        return pipeline

    yield make
    for pipeline in made:
        pipeline.close()


@pytest.fixture
def pipeline(make_pipeline, database, number):
    """Two stores over a fresh shop: installed, simulated shops open, nothing running yet."""
    pipeline = make_pipeline(database, outlet(number), wholesale(number)).open_shops()
    pipeline.install()
    return pipeline


@pytest.fixture
def producer_only(make_pipeline, database):
    """No store: for what the topic must hold. Installed, not running."""
    pipeline = make_pipeline(database)
    pipeline.install()
    return pipeline
