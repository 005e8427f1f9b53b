"""The store's catalogue changes: the mapping follows, no number reaches an item that is not the product's,
and none is lost."""

import json
import time

import pytest

from conftest import outlet
from lab import programs, stores, wait
from test_unimported_sales import Shelf

NEW_ITEM = 900000       # ids of items that tests add: this plus the product's id


class Case:
    """A running pipeline of one store, and products of known stock, each with one item."""

    def __init__(self, make_pipeline, database, number, shop, count=1, consumer=None, odoo=None,
                 **options):
        self.store = outlet(number, buffer=0, basis=options.pop("basis", "free"))
        self.pipeline = make_pipeline(database, self.store, options={
            f"store.{self.store.name}": options, "consumer": consumer or {}, "odoo": odoo or {}})
        self.pipeline.open_shops().install()
        self.shop = shop
        self.shelf = Shelf(self.pipeline, self.store, shop, count)
        self.products = list(self.shelf.quants)
        self.skus = self.shelf.skus
        self.simulator = self.pipeline.simulator
        self.location = min(self.store.location_ids.values())

    def start(self):
        self.pipeline.start()
        self.pipeline.backfill()
        self.pipeline.wait_settled()
        return self

    def item(self, product):
        return stores.ITEM_BASE + product

    def change(self, items=(), remove=()):
        self.simulator.change_catalogue(self.store.name, items, remove)

    def new_item(self, product, **more):
        """The description of another item with the product's SKU."""
        return {"id": NEW_ITEM + product, "sku": self.skus[product], "tracked": True,
                "levels": [{"location": location, "available": stores.WRONG_START}
                           for location in self.store.location_ids.values()], **more}

    def receive(self, product, units):
        self.shelf.receive(self.pipeline.connection, product, units)

    def level(self, item):
        found = self.simulator.levels(self.store.name).get((item, self.location))
        return None if found is None else found["available"]

    def expect_level(self, item, value, seconds=30):
        wait.until(lambda: self.level(item) == value,
                   lambda: f"item {item} has {self.level(item)}, not {value}; parked: {self.parked()}",
                   seconds=seconds, alive=self.pipeline.alive)

    def parked(self):
        """{(subject, reason)}"""
        return set(self.pipeline.connection.execute(
            "SELECT subject, reason FROM stocksync.parked WHERE store = %s",
            (self.store.name,)).fetchall())

    def reasons(self, product):
        return {reason for _, reason in self.pipeline.connection.execute(
            "SELECT subject, reason FROM stocksync.parked WHERE store = %s AND product_id = %s",
            (self.store.name, product)).fetchall()}

    def expect_reasons(self, product, *reasons, seconds=30):
        wait.until(lambda: self.reasons(product) == set(reasons),
                   lambda: f"product {product} is parked for {self.reasons(product)}, not {reasons}",
                   seconds=seconds, alive=self.pipeline.alive)

    def reload(self, seconds=30):
        """As a person: has the catalogue read again, and waits until it was."""
        before = self.read_at()
        self.pipeline.command("consumer", "catalogue", "--reload")
        wait.until(lambda: self.read_at() > before, "the catalogue is read again", seconds=seconds,
                   alive=self.pipeline.alive)

    def read_at(self):
        return self.pipeline.connection.execute(
            "SELECT read_at FROM stocksync.catalogue WHERE store = %s",
            (self.store.name,)).fetchone()[0]

    def status(self):
        return json.loads(self.pipeline.consumer.http("/status")[1])["stores"][0]

    def shared(self):
        status = self.status()
        assert len(status["shared"]) == min(3, status["skus_shared"])
        assert len(status["ambiguous"]) == min(3, status["skus_ambiguous"])
        return status["skus_shared"]

    def sell(self, product, units):
        self.simulator.order(self.store.name, "place", self.skus[product], self.location, units)

    def sell_unimported(self, product, units):
        """Units are sold, and one is received; the order is not imported yet. The number then."""
        before = self.level(self.item(product))
        self.sell(product, units)
        self.receive(product, 1)
        self.expect_level(self.item(product), before - units + 1)
        return before - units + 1

    def rename(self, product, sku):
        self.change([{"id": self.item(product), "sku": sku}])

    def requests(self, operation):
        return self.simulator.stats(self.store.name)["requests"].get(operation, 0)

    def expect_no_useless_writes(self):
        stats = self.simulator.stats(self.store.name)
        assert (stats["writesToInactive"], stats["writesToMissing"]) == (0, 0)


@pytest.fixture
def make_case(make_pipeline, database, number, shop):
    return lambda **more: Case(make_pipeline, database, number, shop, **more)


def test_new_product_is_found_without_a_restart_or_a_reading(make_case):
    """Its variant comes a moment after Odoo's record, and search knows it later still; a near match
    comes with it."""
    case = make_case()
    product, = case.products
    case.change(remove=[case.item(product)])
    case.start()
    assert case.reasons(product) == {"unmapped"}
    reads = case.requests("VariantsPage")
    case.simulator.search_lag(case.store.name, 3)
    sku = case.skus[product]
    case.change([case.new_item(product),
                 case.new_item(product, id=NEW_ITEM, sku=f"{sku}-RED"),
                 case.new_item(product, id=NEW_ITEM - 1, sku=sku.swapcase() + "x")])
    case.simulator.advance(4)
    case.expect_reasons(product)
    wait.until(lambda: case.level(NEW_ITEM + product) != stores.WRONG_START, "it has a number")
    assert case.level(NEW_ITEM) == stores.WRONG_START
    assert case.level(NEW_ITEM - 1) == stores.WRONG_START
    before = case.level(NEW_ITEM + product)
    case.receive(product, 3)
    case.expect_level(NEW_ITEM + product, before + 3)
    assert case.requests("VariantsPage") == reads, "the whole catalogue was read"
    assert case.requests("VariantsSearch") > 0


def test_skus_with_signs_of_the_search_language_are_found(make_case):
    skus = ["it's \\ a \"quote\"", "a: (b) OR c*", "-17", "Größe 5 ½"]
    case = make_case(count=len(skus))
    named = dict(zip(case.products, skus))
    for product, sku in named.items():
        case.pipeline.connection.execute(
            "UPDATE product_product SET default_code = %s WHERE id = %s", (sku, product))
    case.start()
    assert [case.reasons(product) for product in named] == [{"unmapped"}] * len(skus)
    case.change([case.new_item(product, sku=sku) for product, sku in named.items()])
    for product in named:
        case.expect_reasons(product, seconds=45)
        case.receive(product, 1)
    for product in named:
        wait.until(lambda product=product: case.level(NEW_ITEM + product) != stores.WRONG_START,
                   f"{named[product]} has a number", alive=case.pipeline.alive)


def test_restart_needs_no_reading_of_the_store(make_case):
    case = make_case().start()
    product, = case.products
    before, pages = case.level(case.item(product)), case.requests("VariantsPage")
    assert pages > 0
    assert case.pipeline.consumer.stop() == 0
    case.receive(product, 2)
    case.pipeline.consumer.start()
    case.expect_level(case.item(product), before + 2)
    assert case.requests("VariantsPage") == pages
    assert "catalogue_loaded" in case.pipeline.consumer.text()


def test_old_catalogue_is_read_again_beside_the_work(make_case):
    """A page is slow, and changes arrive in between all the same."""
    case = make_case(consumer={"reload_catalogue": "10s"}).start()
    product, = case.products
    before = case.level(case.item(product))
    read_at = case.read_at()
    case.simulator.fault(case.store.name, "slow", operation="VariantsPage", delayMs=5000, count=1)
    wait.until(lambda: '"catalogue_reading":true' in case.pipeline.consumer.http("/status")[1],
               "a reading begins", alive=case.pipeline.alive)
    begun = time.monotonic()
    case.receive(product, 4)
    case.expect_level(case.item(product), before + 4)
    assert time.monotonic() - begun < 4, "the lane stood still"
    wait.until(lambda: case.read_at() > read_at, "the reading ends", alive=case.pipeline.alive)


def test_two_items_exchange_their_skus(make_case):
    """A level that was written for the one product says nothing about the other, whatever the revisions."""
    case = make_case(count=2).start()
    first, second = case.products
    case.receive(first, 7)      # unequal numbers, and a newer revision on the first item
    case.pipeline.wait_settled()
    numbers = case.level(case.item(first)), case.level(case.item(second))
    assert numbers[0] != numbers[1]
    case.change([{"id": case.item(first), "sku": case.skus[second]},
                 {"id": case.item(second), "sku": case.skus[first]}])
    case.reload()
    case.expect_level(case.item(second), numbers[0])
    case.expect_level(case.item(first), numbers[1])
    case.expect_reasons(first)
    case.expect_reasons(second)
    case.receive(second, 1)
    case.expect_level(case.item(first), numbers[1] + 1)


def test_item_is_deleted_and_made_again(make_case):
    """Deleted: found out by the answer. Made again with the SKU: found by search, with the number of
    the change that met nothing."""
    case = make_case().start()
    product, = case.products
    number, pages = case.level(case.item(product)), case.requests("VariantsPage")
    case.change(remove=[case.item(product)])
    case.receive(product, 6)
    wait.until(lambda: case.reasons(product) & {"item_missing"}, "it is parked",
               alive=case.pipeline.alive)
    case.change([case.new_item(product)])
    case.expect_level(NEW_ITEM + product, number + 6, seconds=60)
    case.expect_reasons(product)
    assert case.requests("VariantsPage") == pages


def test_copy_with_the_same_sku_takes_no_numbers_and_forgets_no_sales(make_case):
    """A product is duplicated in the store and the copy is deleted, with a restart in between. 40 sold
    units are on their way to Odoo meanwhile."""
    case = make_case(brake_percent=100, brake_change_percent=100).start()
    product, = case.products
    shared, parked = case.shared(), case.parked()
    number = case.sell_unimported(product, 40)
    case.change([case.new_item(product)])
    case.reload()
    newcomer = (f"item/{NEW_ITEM + product}", "sku_shared_in_shopify")
    wait.until(lambda: case.shared() == shared + 1 and case.parked() == parked | {newcomer},
               lambda: f"{newcomer} is parked: {case.parked()}", alive=case.pipeline.alive)
    for command in "catalogue", "check":
        assert ("1 on several inventory items, of which only the first is written"
                in case.pipeline.command("consumer", command).out)
    listed = case.pipeline.command("consumer", "parked", "list", "--sku", case.skus[product]).out
    assert str(NEW_ITEM + product) in listed and str(case.item(product)) in listed
    assert case.pipeline.consumer.metric("stocksync_store_shared_skus") == shared + 1
    case.receive(product, 2)
    case.expect_level(case.item(product), number + 2)
    assert case.pipeline.consumer.stop() == 0
    case.pipeline.consumer.start()
    case.receive(product, -300)     # sold elsewhere, and no import: units of the 40 may count as such
    case.expect_level(case.item(product), number + 2 - 300 + 40)
    case.receive(product, 300)
    case.expect_level(case.item(product), number + 2 + 40)
    case.change(remove=[NEW_ITEM + product])
    case.reload()
    wait.until(lambda: case.parked() == parked, lambda: f"the newcomer is parked: {case.parked()}",
               alive=case.pipeline.alive)
    assert case.level(NEW_ITEM + product) is None


def test_copy_takes_over_when_the_first_item_is_deleted(make_case):
    case = make_case().start()
    product, = case.products
    number = case.sell_unimported(product, 40)
    case.change([case.new_item(product)])
    case.reload()
    assert case.level(NEW_ITEM + product) == stores.WRONG_START
    case.change(remove=[case.item(product)])
    case.reload()
    case.expect_level(NEW_ITEM + product, number)
    case.expect_reasons(product)
    case.receive(product, 2)
    case.expect_level(NEW_ITEM + product, number + 2)


def test_unimported_sales_move_with_the_sku_and_wait_for_it(make_case):
    """To another item, which has another number; then the SKU is missing, and it comes back. The next
    product of the first item gets its own number."""
    case = make_case(count=2).start()
    product, other = case.products
    others = case.level(case.item(other))
    number = case.sell_unimported(product, 40)
    case.change([{"id": case.item(product), "sku": "SOMETHING-ELSE"}, case.new_item(product)])
    case.reload()
    case.expect_level(NEW_ITEM + product, number)
    case.change([{"id": NEW_ITEM + product, "sku": "MISTYPED"},
                 {"id": case.item(product), "sku": case.skus[other]},
                 {"id": case.item(other), "sku": "GONE"}])
    case.reload()
    case.expect_reasons(product, "unmapped")
    case.expect_level(case.item(product), others)
    case.expect_reasons(other)
    assert case.level(NEW_ITEM + product) == number
    case.change([{"id": NEW_ITEM + product, "sku": case.skus[product]}])
    case.expect_reasons(product, seconds=60)
    assert case.level(NEW_ITEM + product) == number
    case.receive(product, 5)
    case.expect_level(NEW_ITEM + product, number + 5)


def test_reading_that_loses_much_is_not_believed_at_once(make_case):
    """A third of the SKUs is missing in an answer that is complete by its form."""
    case = make_case(count=2).start()
    kept, lost = case.products
    number, levels = case.level(case.item(lost)), case.status()["skus"]
    read_at, parked = case.read_at(), case.parked()
    items = sorted({item for item, _ in case.simulator.levels(case.store.name)})
    skus = {case.item(product.id): product.sku for product in case.shop.before.values()}
    missing = [item for item in items if item in skus and item != case.item(kept)][:len(items) // 3]
    if case.item(lost) not in missing:
        missing.append(case.item(lost))
    case.change([{"id": item, "sku": f"LOST-{item}"} for item in missing])
    case.pipeline.command("consumer", "catalogue", "--reload")
    wait.until(lambda: case.status().get("catalogue_suspect_skus", 0) > len(items) // 4,
               lambda: f"the reading is set aside: {case.status()}", alive=case.pipeline.alive)
    assert "catalogue_suspect" in case.pipeline.consumer.text()
    assert case.pipeline.consumer.metric("stocksync_store_catalogue_suspect_total") == 1
    assert case.status()["skus"] == levels
    assert case.read_at() == read_at
    case.receive(lost, 3)
    case.expect_level(case.item(lost), number + 3)
    case.change([{"id": item, "sku": skus[item]} for item in missing])
    wait.until(lambda: case.read_at() > read_at, "a second reading is taken", seconds=90,
               alive=case.pipeline.alive)
    wait.until(lambda: "catalogue_suspect_skus" not in case.status(), "it is believed",
               alive=case.pipeline.alive)
    assert case.parked() == parked


@pytest.mark.parametrize("switches", [{}, {"cuts": 1}], ids=["good", "cut_once"])
def test_large_catalogue_is_read_by_a_bulk_operation(make_case, switches):
    """At the first start, and beside the work. No token reaches the other host."""
    case = make_case()
    product, = case.products
    case.change([{"id": 1000000 + i, "sku": f"FILL-{i}", "tracked": True, "levels": []}
                 for i in range(10000)])
    case.simulator.bulk(case.store.name, **switches)
    case.start()
    number = case.level(case.item(product))
    assert number != stores.WRONG_START
    assert case.requests("VariantsPage") == 0
    assert case.requests("BulkStart") == 1
    files = [one for one in case.simulator.requests()
             if one["path"].startswith(f"/bulk-{case.store.name}-")]
    assert len(files) > 0
    assert [one for one in files if one["tokenHash"] or one["secretHash"]] == []
    case.change([{"id": case.item(product), "sku": "SOMETHING-ELSE"}, case.new_item(product)])
    case.reload(seconds=120)
    case.expect_level(NEW_ITEM + product, number)
    assert case.requests("BulkStart") == 2
    assert case.requests("VariantsPage") == 0


def test_another_process_reads_and_this_one_follows(make_case):
    case = make_case().start()
    product, = case.products
    number = case.level(case.item(product))
    second = case.pipeline.another_consumer("run", "--role", "stores").start()
    case.change([{"id": case.item(product), "sku": "SOMETHING-ELSE"}, case.new_item(product)])
    pages = case.requests("VariantsPage")
    case.reload()
    case.expect_level(NEW_ITEM + product, number)
    texts = [program.text() for program in (case.pipeline.consumer, second)]
    wait.until(lambda: all("items_changed" in program.text() or "catalogue_loaded" in program.text()
                           for program in (case.pipeline.consumer, second)), "both know it")
    assert any("catalogue_read" in text for text in texts)
    assert case.requests("VariantsPage") - pages < 2 * pages, "both read"
    for _ in range(3):
        case.receive(product, 1)
    case.expect_level(NEW_ITEM + product, number + 3)
    assert second.stop() == 0


@pytest.mark.parametrize("change, word", [
    ({"isActive": False}, "deactivated"), ({"isFulfillmentService": True}, "fulfilment service"),
    ({"id": 5999}, "numeric id")], ids=["inactive", "service", "ambiguous"])
def test_location_that_cannot_be_written_is_named(pipeline, change, word):
    store = pipeline.stores[0]
    pipeline.producer.start()
    pipeline.simulator.change_catalogue(store.name, locations=[
        {"id": store.location_ids["Berlin"], "name": "Berlin", **change}])
    result = programs.command("consumer", pipeline.config, "check")
    assert result.code != 0
    assert word in result.text and "location.Berlin" in result.text
    if word == "numeric id":
        section = pipeline.sections[f"store.{store.name}"]
        section[f"location.{store.location_ids['Berlin']}"] = section.pop("location.Berlin")
        assert programs.command("consumer", pipeline.write_config(), "check").code == 0
