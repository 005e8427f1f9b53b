"""A shop of a few thousand levels that others change in six ways: found, named and repaired by one round, with a
running consumer and without."""

import json
import signal
import subprocess

import pytest

from bench import shop as generated
from lab import programs, stores, wait

PRODUCTS = 1500     # two levels each
EACH = 12           # products that are changed in each way


@pytest.fixture(scope="module")
def generated_shop(postgres):
    generated.make_template(postgres, PRODUCTS)


class Case:
    """A store at rest, with every level written."""

    def __init__(self, make_pipeline, postgres, number, **options):
        name = f"generated_{number}"
        generated.create(postgres, name)
        self.store = stores.Store(name=f"drift{number}", locations={
            "Berlin": ["B1", "B2"], "Munich": ["B3", "B4", "B5"]})
        self.berlin, self.munich = sorted(self.store.location_ids.values())
        self.pipeline = make_pipeline(name, self.store, options={f"store.{self.store.name}": {
            # No rolling comparison: it would find some of the changes first.
            "activate_levels": "on", "track_items": "on", "verify_every": "0s",
            **options}}).open_shops()
        self.simulator = self.pipeline.simulator
        self.pipeline.install()
        self.pipeline.start()
        self.pipeline.backfill()
        self.pipeline.wait_settled()
        self.skus = {product: sku for product, sku, _ in self.pipeline.skus
                     if product >= generated.FIRST_PRODUCT}
        self.right = self.levels()
        self.after = 0

    def levels(self):
        return {pair: level["available"]
                for pair, level in self.simulator.levels(self.store.name).items()}

    def item(self, product):
        return stores.ITEM_BASE + product

    def change(self, first):
        """In six ways, EACH products of each. {kind: levels}"""
        self.after = max((entry["seq"] for entry in self.simulator.journal(self.store.name)), default=0)
        name, sim = self.store.name, self.simulator
        products = iter(list(self.skus)[first:])
        changed = {kind: [next(products) for _ in range(EACH)]
                   for kind in ("sold", "raised", "lowered", "inactive", "untracked", "gone")}
        for product in changed["sold"]:
            sim.order(name, "place", self.skus[product], self.berlin, 3)
        for product in changed["raised"]:
            sim.edit(name, self.skus[product], self.berlin,
                     self.right[self.item(product), self.berlin] + 40)
        for product in changed["lowered"]:
            sim.edit(name, self.skus[product], self.berlin,
                     self.right[self.item(product), self.berlin] - 40)
        for product in changed["inactive"]:
            sim.deactivate_level(name, self.skus[product], self.munich)
        for product in changed["untracked"]:
            sim.track(name, self.skus[product], False)
        for product in changed["gone"]:
            sim.delete_item(name, self.skus[product])
        return changed

    def command(self, *arguments, seconds=120):
        return programs.command("consumer", self.pipeline.config, *arguments, seconds=seconds)

    def check(self, answer, changed):
        """Every kind is named and repaired, and nothing else was written."""
        kinds = answer["kinds"]
        twice = {"untracked", "gone"}       # both levels of the item
        assert {kind: one["found"] for kind, one in kinds.items()} == {
            kind: EACH * (2 if kind in twice else 1) for kind in changed}
        assert {kind: one["repaired"] for kind, one in kinds.items()} == {
            kind: 0 if kind == "gone" else one["found"] for kind, one in kinds.items()}
        now = self.levels()
        fallen = {self.item(product) for kind in ("sold", "lowered") for product in changed[kind]}
        gone = {self.item(product) for product in changed["gone"]}
        for (item, location), quantity in self.right.items():
            if item in gone:
                assert (item, location) not in now
            elif item in fallen and location == self.berlin:
                assert now[item, location] < quantity   # held back for its grace
            else:
                assert now[item, location] == quantity
        touched = {self.item(product) for products in changed.values() for product in products}
        written = {one["item"] for entry in self.simulator.journal(self.store.name)
                   if entry["seq"] > self.after for one in entry["entries"]}
        assert written <= touched


@pytest.fixture
def make_case(make_pipeline, generated_shop, postgres, number):
    made = []

    def make(**options):
        made.append(Case(make_pipeline, postgres, number, **options))
        return made[-1]

    yield make
    for case in made:
        case.pipeline.close()
        postgres.drop_database(case.pipeline.dbname)


def test_six_ways_of_change_are_found_and_repaired(make_case):
    case = make_case()
    changed = case.change(0)
    done = case.command("reconcile", "--json")
    assert done.code == 1, done.text        # deleted items remain
    answer, = json.loads(done.out)["stores"]
    assert answer["levels"] == 2 * PRODUCTS and answer["remain"] == 2 * EACH
    case.check(answer, changed)
    assert {one["what"].split(":")[0] for one in answer["differences"]
            if not one["repaired"]} == {"item_missing"}
    # Nothing more to do: the deleted items are left out, the rest is equal.
    done = case.command("reconcile", "--report")
    assert done.code == 0 and "all are equal" in done.out, done.text
    metric = case.pipeline.consumer.metric
    label = f'store="{case.store.name}"'
    assert metric(f'stocksync_store_drift_found_total{{{label},kind="raised"}}') == EACH
    assert metric(f'stocksync_store_drift_repaired_total{{{label},kind="raised"}}') == EACH

    # The same without a running consumer: the command does the round.
    assert case.pipeline.consumer.stop() == 0
    case.right = case.levels()
    changed = case.change(6 * EACH)
    done = case.command("reconcile", "--json", "--store", case.store.name)
    assert done.code == 1, done.text
    assert "event=round_here" in done.text
    answer, = json.loads(done.out)["stores"]
    case.check(answer, changed)


def test_a_report_writes_nothing_and_the_table_names_examples(make_case):
    case = make_case(drift="report")
    changed = case.change(0)
    before = len(case.simulator.journal(case.store.name))
    done = case.command("reconcile")
    assert done.code == 1, done.text
    assert f"{8 * EACH} differences remain" in done.text
    for kind in changed:
        assert kind in done.out
    assert any(case.skus[product] in done.out for product in changed["raised"])
    assert len(case.simulator.journal(case.store.name)) == before


def test_one_product_is_compared_or_pushed(make_case):
    case = make_case()
    product, other = list(case.skus)[:2]
    for one in (product, other):
        case.simulator.edit(case.store.name, case.skus[one], case.berlin, 5)
    done = case.command("reconcile", "--sku", case.skus[product], "--report", "--json")
    assert done.code == 1 and json.loads(done.out)["stores"][0]["levels"] == 2, done.text
    done = case.command("push", "--sku", case.skus[product], "--json")
    pushed = {level["location"]: level for level in json.loads(done.out)["stores"][0]["levels"]}
    assert done.code == 0 and pushed[case.berlin]["before"] == 5, done.text
    pair = case.item(product), case.berlin
    assert pushed[case.berlin]["after"] == case.levels()[pair] == case.right[pair]
    case.simulator.edit(case.store.name, case.skus[other], case.berlin, 9999)
    assert case.pipeline.consumer.stop() == 0
    done = case.command("push", "--product", other)
    assert done.code == 0 and "9999" in done.out, done.text
    assert case.levels()[case.item(other), case.berlin] <= case.right[case.item(other), case.berlin]
    for arguments, text in ((("--sku", "no-such"), "knows no product"),
                            (("--product", "99999999"), "knows no product"),
                            ((), "name the product"),
                            (("--sku", "x", "--store", "no-such"), "there is no section")):
        done = case.command("push", *arguments)
        assert done.code == 64 and text in done.text, done.text


def test_two_consumers_share_a_round(make_case):
    case = make_case()
    other = case.pipeline.another_consumer("run", "--store", case.store.name)
    other.start()
    wait.until(lambda: "event=partitions_assigned" in other.text(), "it has partitions", seconds=60)
    changed = case.change(0)
    done = case.command("reconcile", "--json")
    answer, = json.loads(done.out)["stores"]
    assert answer["levels"] == 2 * PRODUCTS, done.text
    case.check(answer, changed)
    for consumer in (case.pipeline.consumer, other):
        assert "event=round_done" in consumer.text()


def test_an_interrupted_round_is_cancelled(make_case):
    case = make_case()
    case.simulator.fault(case.store.name, "throttle", operation="LevelsRead")
    child = subprocess.Popen(
        [programs.binary("consumer"), "-c", case.pipeline.config, "reconcile"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=programs.environment())
    open_rounds = lambda: case.pipeline.connection.execute(
        "SELECT count(*) FROM stocksync.round_request WHERE ended_at IS NULL").fetchone()[0]
    wait.until(lambda: open_rounds() == 1, "it is requested", seconds=30)
    wait.until(lambda: "event=round " in case.pipeline.consumer.text(), "the lane has taken it", seconds=30)
    child.send_signal(signal.SIGINT)
    text, _ = child.communicate(timeout=30)
    assert child.returncode == 1 and "was cancelled" in text
    assert open_rounds() == 0
    wait.until(lambda: "event=round_cancelled" in case.pipeline.consumer.text(), "the lane stops",
               seconds=30)


def test_the_rolling_comparison_repairs_without_being_asked(make_case):
    case = make_case(verify_every="20s", unimported_sale_grace="5s")
    changed = case.change(0)
    gone = {case.item(product) for product in changed["gone"]}
    right = {pair: level for pair, level in case.right.items() if pair[0] not in gone}
    wait.until(lambda: case.levels() == right, "everything is right again", seconds=90,
               alive=case.pipeline.alive)
    status = json.loads(case.pipeline.consumer.http("/status")[1])["stores"][0]
    assert "verified_since" in status
