"""Which of Odoo's numbers a store starts from, and whose products it sells."""

import pytest

from conftest import outlet
from lab import programs
from test_mapping import Case
from test_unimported_sales import STOCK

CONFIRMED = (
    "INSERT INTO public.stock_move (id, name, company_id, date, product_id, product_uom_qty,"
    " product_qty, product_uom, location_id, location_dest_id, state, procure_method)"
    " SELECT (SELECT 1 + max(id) FROM public.stock_move), 'late', 1, now(), %s, %s, %s, 1,"
    " q.location_id, (SELECT min(id) FROM public.stock_location WHERE usage = 'customer'),"
    " 'confirmed', 'make_to_stock' FROM public.stock_quant q WHERE q.id = %s RETURNING id")


class Late(Case):
    """A shop that confirms orders and reserves them later."""

    def __init__(self, make_pipeline, database, number, shop):
        super().__init__(make_pipeline, database, number, shop, basis="free_confirmed",
                         unimported_sale_grace="2s", odoo={"forecast": "on"})
        self.connection = self.pipeline.connection
        self.product, = self.products
        self.connection.execute("UPDATE public.stock_move SET state = 'cancel' WHERE product_id = %s",
                                (self.product,))

    def confirm(self, units):
        return self.connection.execute(
            CONFIRMED, (self.product, units, units,
                        self.shelf.quants[self.product])).fetchone()[0]

    def set_state(self, move, state, reserved=0, quantity=0):
        """One of Odoo's steps: the quant first, then the move, in one transaction."""
        with self.connection.transaction():
            self.connection.execute(
                "UPDATE public.stock_quant SET quantity = quantity + %s,"
                " reserved_quantity = reserved_quantity + %s WHERE id = %s",
                (quantity, reserved, self.shelf.quants[self.product]))
            self.connection.execute("UPDATE public.stock_move SET state = %s WHERE id = %s",
                                    (state, move))

    def expect(self, value):
        self.pipeline.wait_settled()
        self.expect_level(self.item(self.product), value)


def test_orders_that_are_reserved_later_are_not_sold_twice(make_pipeline, database, number, shop):
    """Sold in Shopify, imported as confirmed: free stays as it was, what is offered does not."""
    case = Late(make_pipeline, database, number, shop).start()
    case.expect(STOCK)
    case.simulator.order(case.store.name, "place", case.skus[case.product], case.location, 4)
    move = case.confirm(4)
    case.receive(case.product, 1)       # anything else happens to the product
    case.expect(STOCK + 1 - 4)
    case.pipeline.consumer.stop()       # and the grace period ends
    case.pipeline.consumer.start()
    case.receive(case.product, 1)
    case.expect(STOCK + 2 - 4)
    case.set_state(move, "assigned", reserved=4)
    case.receive(case.product, 1)
    case.expect(STOCK + 3 - 4)
    case.set_state(move, "done", reserved=-4, quantity=-4)
    case.receive(case.product, 1)
    case.expect(STOCK + 4 - 4)
    other = case.confirm(9)             # of another shop, and cancelled there
    case.expect(STOCK + 4 - 4 - 9)
    case.set_state(other, "cancel")
    case.expect(STOCK + 4 - 4)


# Options that do not belong together: what check and the log say of them.
PAIRS = {
    "twice": ({"quantity": "on_hand", "basis": "free"}, "basis = on_hand"),
    "never": ({"quantity": "available", "basis": "on_hand"}, "basis = free"),
    "two locations": ({"location.Munich": "SO, WH"}, "warehouse 'WH' stands behind"),
}


@pytest.mark.parametrize("name", PAIRS)
def test_options_that_count_units_twice_or_never_are_named(make_pipeline, database, number, name):
    options, text = PAIRS[name]
    store = outlet(number, quantity="on_hand", basis="on_hand")
    usual = {} if name != "two locations" else {"quantity": "available", "basis": "free"}
    pipeline = make_pipeline(database, store, options={
        f"store.{store.name}": {**usual, **options}}).open_shops()
    pipeline.install()
    pipeline.producer.start()
    pipeline.backfill()
    pipeline.wait_published()
    said = [line for line in pipeline.command("consumer", "check").out.splitlines()
            if line.startswith("WARNING")]
    assert len(said) == 1 and text in said[0] and store.name in said[0]
    pipeline.consumer.start()
    pipeline.wait_settled()
    logged = [line for line in pipeline.consumer.text().splitlines() if "option_pair" in line]
    assert len(logged) == 1 and text in logged[0] and "level=warn" in logged[0]


class Companies(Case):
    """Two companies that use one SKU; the store maps warehouses of the first."""

    def __init__(self, make_pipeline, database, number, shop, **options):
        super().__init__(make_pipeline, database, number, shop, count=2, **options)
        self.own, self.other = self.products
        self.connection = self.pipeline.connection
        self.connection.execute(
            "UPDATE public.stock_quant SET quantity = 0, reserved_quantity = 0"
            " WHERE product_id = ANY (%s) AND id <> ALL (%s)",
            (self.products, list(self.shelf.quants.values())))
        self.give(self.own, 1)
        self.give(self.other, 2)
        self.connection.execute("UPDATE public.product_product SET default_code = %s WHERE id = %s",
                                (self.skus[self.own], self.other))

    def give(self, product, company):
        self.connection.execute(
            "UPDATE public.product_template t SET company_id = %s FROM public.product_product p"
            " WHERE p.id = %s AND t.id = p.product_tmpl_id", (company, product))

    def excluded(self):
        return self.pipeline.consumer.metric("stocksync_store_excluded_total"
                                             f'{{store="{self.store.name}",reason="other_company"}}')


def test_another_company_may_use_the_same_sku(make_pipeline, database, number, shop):
    case = Companies(make_pipeline, database, number, shop).start()
    case.expect_level(case.item(case.own), STOCK)
    assert case.reasons(case.own) == case.reasons(case.other) == set()
    assert case.excluded() >= 1         # its mark, and the backfill
    assert "company: Main Co (1)" in case.pipeline.command("consumer", "check").out
    case.give(case.other, None)         # shared by all companies: now two products claim the SKU
    for product in case.products:
        case.expect_reasons(product, "sku_shared_in_odoo")
    case.give(case.other, 2)
    case.receive(case.own, 3)
    case.expect_level(case.item(case.own), STOCK + 3)
    for product in case.products:
        case.expect_reasons(product)


def test_the_company_is_an_option(make_pipeline, database, number, shop):
    """By name; by id it is the same (unit test). The other company's product is the store's."""
    case = Companies(make_pipeline, database, number, shop, company="Second Co").start()
    case.receive(case.other, 2)
    case.expect_level(case.item(case.own), STOCK + 2)   # the item of the SKU
    assert case.reasons(case.own) == case.reasons(case.other) == set()
    section = f"store.{case.store.name}"
    case.pipeline.sections[section]["company"] = "Nobody"
    case.pipeline.write_config()
    result = programs.command("consumer", case.pipeline.config, "check")
    assert result.code != 0
    assert "company = Nobody" in result.text and "Main Co (1), Second Co (2)" in result.text
