"""What must hold at the end of every run, faults or not.

Each check returns a list of differences in words, empty when all is well; expect() turns them into
a failed test. Nothing here uses the programs' own code or tables, but for the marks.
"""

from collections import Counter
from dataclasses import replace

from . import odoo, record, stores

TOLERANCE = 1e-6
SHOWN = 20


def expect(differences, title):
    if differences:
        rest = len(differences) - SHOWN
        lines = differences[:SHOWN] + ([f"… and {rest} more"] if rest > 0 else [])
        raise AssertionError(f"{title}: {len(differences)} differences\n  " + "\n  ".join(lines))


def equal(left, right):
    return left is not None and right is not None and abs(left - right) <= TOLERANCE


def no_marks_left(connection):
    left = connection.execute(
        f"SELECT id::text, product_id FROM public.{odoo.MARKS} UNION ALL"
        f" SELECT 'of stock_quant', product_id FROM public.{odoo.QUANT_MARKS}"
        " LIMIT 1000").fetchall()
    return [f"mark {name} of product {product} is still there" for name, product in left]


def revisions_rise(stocks):
    """Within a key and partition, a revision never goes back (nor stands still). A topic that grew
    has a key in two partitions."""
    last, differences = {}, []
    for stock in stocks:
        before = last.get((stock.product_id, stock.place.partition))
        if before is not None and stock.revision <= before.revision:
            differences.append(
                f"product {stock.product_id}: revision {stock.revision} at {stock.place.where} "
                f"after {before.revision} at {before.place.where}")
        last[stock.product_id, stock.place.partition] = stock
    return differences


def topic_equals_oracle(stocks, products, forecast=False, leave_out=()):
    """The latest record of every product against Odoo's own numbers.

    products   {id: odoo.Product}
    leave_out  product ids that are not compared
    """
    latest = record.latest(stocks)
    differences = []
    for number, product in sorted(products.items()):
        if number in leave_out:
            continue
        stock = latest.get(number)
        if stock is None or stock.gone:
            differences.append(f"product {number}: {'tombstone' if stock else 'no record'}")
            continue
        for name, ours, theirs in (("sku", stock.sku, product.sku),
                                   ("active", stock.active, product.active),
                                   ("enabled", stock.enabled, product.enabled),
                                   ("kit", stock.is_kit, product.is_kit)):
            if ours != theirs:
                differences.append(f"product {number}: {name} {ours!r}, Odoo has {theirs!r}")
        differences += _numbers(number, stock, product, forecast)
    for number, stock in sorted(latest.items()):
        if number not in products and not stock.gone:
            differences.append(f"product {number}: deleted in Odoo, but its last record is none")
    return differences


def _numbers(number, stock, product, forecast):
    differences = []
    if set(stock.warehouses) != set(product.warehouses):
        differences.append(f"product {number}: warehouses {sorted(stock.warehouses)}, "
                           f"Odoo has {sorted(product.warehouses)}")
    names = ("on_hand", "free") + (("incoming", "outgoing", "forecast") if forecast else ())
    for warehouse, theirs in product.warehouses.items():
        ours = stock.warehouses.get(warehouse)
        for name in names if ours else ():
            if not equal(getattr(ours, name), getattr(theirs, name)):
                differences.append(
                    f"product {number}, warehouse {warehouse}: {name} {getattr(ours, name)}, "
                    f"Odoo has {getattr(theirs, name)} (record {stock.place.where})")
    return differences


def free_confirmed_equals(stocks, expected):
    """The latest records against odoo.free_confirmed(); what differs."""
    latest = record.latest(stocks)
    differences = []
    for (product, warehouse), wanted in sorted(expected.items()):
        ours = latest[product].warehouses[warehouse].free_confirmed
        if not equal(ours, wanted):
            differences.append(f"product {product}, warehouse {warehouse}: free_confirmed {ours}, "
                               f"expected {wanted}")
    return differences


# Odoo's formula for products that are no kits, in exact numbers; a second wording of it, to judge a
# database for which no oracle was recorded.
PLAIN_NUMBERS = """
SELECT p.id, w.id,
       CASE WHEN t.type = 'service' THEN 0 ELSE coalesce(sum(q.quantity), 0) END,
       CASE WHEN t.type = 'service' THEN 0
            ELSE coalesce(sum(coalesce(q.quantity, 0) - q.reserved_quantity), 0) END
  FROM public.product_product p
  JOIN public.product_template t ON t.id = p.product_tmpl_id
 CROSS JOIN (SELECT w.id, v.parent_path FROM public.stock_warehouse w
               JOIN public.stock_location v ON v.id = w.view_location_id WHERE w.active) w
  LEFT JOIN (SELECT q.product_id, q.quantity, q.reserved_quantity, l.parent_path
               FROM public.stock_quant q JOIN public.stock_location l ON l.id = q.location_id) q
         ON q.product_id = p.id AND starts_with(q.parent_path, w.parent_path)
 WHERE t.type = 'service' OR NOT EXISTS (
       SELECT FROM public.mrp_bom b
        WHERE b.type = 'phantom' AND b.active AND b.product_tmpl_id = t.id
          AND (b.product_id IS NULL OR b.product_id = p.id))
 GROUP BY p.id, t.type, w.id
"""


PRODUCTS = """
SELECT p.id, p.default_code, t.type, p.active AND t.active, coalesce(p.shopify_product, false)
  FROM public.product_product p JOIN public.product_template t ON t.id = p.product_tmpl_id
"""


def plain_products(connection):
    """({product id: odoo.Product} as the database has them now, ids of kits: without numbers)"""
    products = {
        number: odoo.Product(number, sku or None, True, kind, bool(active), enabled, {})
        for number, sku, kind, active, enabled in connection.execute(PRODUCTS)}
    for number, warehouse, on_hand, free in connection.execute(PLAIN_NUMBERS):
        products[number] = replace(products[number], is_kit=False)
        products[number].warehouses[warehouse] = odoo.Numbers(float(on_hand), float(free), 0, 0, 0)
    return products, {product.id for product in products.values() if product.is_kit}


def topic_equals_database(stocks, connection, leave_out=()):
    """The latest record of every plain product against sums over the quants."""
    latest = record.latest(stocks)
    differences, known = [], set()
    for product, warehouse, on_hand, free in connection.execute(PLAIN_NUMBERS):
        known.add(product)
        stock = latest.get(product)
        if product in leave_out:
            continue
        if stock is None or stock.gone or stock.is_kit or warehouse not in stock.warehouses:
            differences.append(f"product {product}, warehouse {warehouse}: no number in the topic")
            continue
        ours = stock.warehouses[warehouse]
        if not equal(ours.on_hand, float(on_hand)) or not equal(ours.free, float(free)):
            differences.append(
                f"product {product}, warehouse {warehouse}: on hand {ours.on_hand}, free "
                f"{ours.free}; the database has {on_hand}, {free} (record {stock.place.where})")
    for product, stock in sorted(latest.items()):
        if not stock.gone and not stock.is_kit and product not in known | set(leave_out):
            differences.append(f"product {product}: gone or a kit in the database, plain in "
                               f"{stock.place.where}")
    return differences


def levels_equal(levels, expected, quantity):
    """A shop's levels against what its rules ask for.

    levels    simulator.levels()
    expected  Store.expected()
    quantity  "available" or "on_hand": which of Shopify's numbers is set
    """
    differences = []
    for pair, wanted in sorted(expected.items()):
        level = levels.get(pair)
        found = None if level is None else level[quantity]
        if found != wanted:
            sku = "" if level is None else f" ({level['sku']} at {level['locationName']})"
            differences.append(f"item {pair[0]}, location {pair[1]}{sku}: {quantity} {found}, "
                               f"Odoo asks for {wanted}")
    return differences


def journal_in_order(journal, stocks, store, skus, codes):
    """No older value was applied after a newer one.

    The values that took effect for a pair must embed, in order, in the values that its records
    asked for, in the order of their revisions.
    """
    items = {}
    for product, sku, _ in skus:
        items.setdefault(sku, []).append(product)
    asked = {}
    for stock in sorted(stocks, key=lambda one: one.revision):
        found = items.get(stock.sku, []) if not stock.gone and stock.sku else []
        if len(found) != 1 or not stock.active or not stock.enabled:
            continue
        for location, number in store.location_ids.items():
            asked.setdefault((stores.ITEM_BASE + found[0], number), []).append(
                (store.wanted(location, stock.warehouses, codes), stock))
    differences, position = [], {}
    for entry in sorted(journal, key=lambda one: one["seq"]):
        if entry["outcome"] not in ("applied", "noop"):
            continue
        for one in entry["entries"]:
            pair = (one["item"], one["location"])
            history = asked.get(pair, [])
            at = position.get(pair, 0)
            while at < len(history) and history[at][0] != one["quantity"]:
                at += 1
            if at == len(history):
                differences.append(
                    f"journal {entry['seq']}: item {pair[0]}, location {pair[1]} set to "
                    f"{one['quantity']}, which no record at or after its last write asks for; "
                    f"asked in all: {[value for value, _ in history]}")
            else:
                position[pair] = at
    return differences


EXECUTED = ("applied", "noop", "ineffective")


def one_effect_for_each_key(journal, requests):
    """Every mutation took effect at most once, however often it was sent, and what was sent again
    had the same bytes.

    journal   of one shop
    requests  the same shop's, as far as the simulator's log goes back
    """
    executed = Counter(entry["key"] for entry in journal if entry["outcome"] in EXECUTED)
    differences = [f"key {key}: executed {count} times" for key, count in executed.items()
                   if count > 1]
    bodies = {}
    for request in requests:
        if request["key"] is not None:
            bodies.setdefault(request["key"], set()).add(request["bodyHash"])
    return differences + [f"key {key}: sent with {len(hashes)} different bodies"
                          for key, hashes in bodies.items() if len(hashes) > 1]
