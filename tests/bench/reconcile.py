"""reconcile: one requested round over a shop at rest, of which others have changed a part in six ways."""

import json
import time

from lab import programs, stores, wait
from lab.pipeline import Pipeline

from . import apply, machine, report, shop

DATABASE = "reconcile"
STORE = "reconcile"
PRODUCTS = 25000        # at two locations
SECONDS = 60            # a round with its repairs, at most
ROLLING_PERCENT = 2     # of the plan's points, at most, for the comparison that nobody asked for
# products changed in each way; the last two change both levels
CHANGES = {"sold": 200, "raised": 200, "lowered": 150, "inactive": 150, "untracked": 75, "gone": 75}
TWICE = {"untracked", "gone"}
OTHERS = """
SET session_replication_role = replica;
DELETE FROM public.stock_quant WHERE product_id >= %(end)s;
DELETE FROM public.product_product WHERE id >= %(end)s;
DELETE FROM public.product_template WHERE id NOT IN (SELECT product_tmpl_id FROM public.product_product);
"""


def change(simulator, store, skus, levels):
    """{kind: levels} that differ afterwards."""
    name, (east, west) = store.name, sorted(store.location_ids.values())
    products = iter(skus.items())
    acts = {
        "sold": lambda item, sku: simulator.order(name, "place", sku, east, 3),
        "raised": lambda item, sku: simulator.edit(name, sku, east, levels[item, east] + 40),
        "lowered": lambda item, sku: simulator.edit(name, sku, east, levels[item, east] - 40),
        "inactive": lambda item, sku: simulator.deactivate_level(name, sku, west),
        "untracked": lambda item, sku: simulator.track(name, sku, False),
        "gone": lambda item, sku: simulator.delete_item(name, sku),
    }
    for kind, act in acts.items():
        for _ in range(CHANGES[kind] // change.scale):
            product, sku = next(products)
            act(stores.ITEM_BASE + product, sku)
    return {kind: count // change.scale * (2 if kind in TWICE else 1)
            for kind, count in CHANGES.items()}


change.scale = 1


def points(consumer):
    return consumer.metric(f'stocksync_store_points_charged_total{{store="{STORE}"}}')


def measure(servers, pipeline, store, skus, result):
    consumer = pipeline.consumer
    levels = {pair: one["available"] for pair, one in servers.simulator.levels(STORE).items()}
    pid = consumer.child.pid
    resting = machine.memory_mb(pid)
    used = points(consumer)
    time.sleep(servers.seconds)
    rolling = points(consumer) - used
    result.add("rolling points", round(rolling), "")
    result.add("rolling share of the plan", round(100 * rolling / (100 * servers.seconds), 2), "%",
               at_most=ROLLING_PERCENT)
    changed = change(servers.simulator, store,
                     {product: sku for product, sku, _ in skus}, levels)
    used = points(consumer)
    began = time.monotonic()
    done = programs.command("consumer", pipeline.config, "reconcile", "--json", seconds=300)
    seconds = time.monotonic() - began
    answer, = json.loads(done.out)["stores"]
    # The comparison that nobody asked for may have found some of them a moment before.
    rows = pipeline.connection.execute(
        "SELECT kind, count(*), count(repaired_at) FROM stocksync.drift GROUP BY kind").fetchall()
    found = {kind: count for kind, count, _ in rows}
    repaired = {kind: count for kind, _, count in rows}
    if found != changed or repaired != {**changed, "gone": 0}:
        raise RuntimeError(f"changed {changed}, found {found}, repaired {repaired}")
    if answer["levels"] != len(skus) * 2:
        raise RuntimeError(f"{answer['levels']} levels were compared")
    result.add("levels", answer["levels"], "")
    result.add("changed levels", sum(changed.values()), "")
    result.add("round", round(seconds, 1), "s", at_most=SECONDS)
    result.add("round points", round(points(consumer) - used), "")
    result.add("memory at rest", round(resting, 1), "MB")
    result.add("memory peak", round(machine.peak_mb(pid), 1), "MB")


def run(servers):
    products = PRODUCTS // servers.scale
    change.scale = servers.scale
    store = stores.Store(STORE, locations=apply.LOCATIONS)
    shop.create(servers.postgres, DATABASE)
    pipeline = Pipeline(servers.postgres, servers.kafka, servers.simulator, DATABASE, "bench.reconcile",
                        [store], {"topic": {"partitions": servers.partitions},
                                  f"store.{STORE}": {"activate_levels": "on", "track_items": "on",
                                                     **apply.BRAKE_OFF}})
    result = report.Report("reconcile", {**servers.conditions, "kafka_partitions": servers.partitions,
                                         "products": products})
    try:
        pipeline.connection.execute(OTHERS.replace("%(end)s", str(shop.product(products))))
        pipeline.connection.execute("VACUUM (ANALYZE)")
        skus = [one for one in pipeline.skus
                if shop.FIRST_PRODUCT <= one[0] < shop.product(products)]
        store.open_shop(servers.simulator, skus, apply.STANDARD)
        pipeline.install()
        pipeline.start()
        pipeline.backfill()
        print(f"reconcile: {products:,} products are loaded", end=" … ", flush=True)
        pipeline.wait_settled(600)
        wait.until(lambda: pipeline.consumer.metric(
            f'stocksync_store_pending_levels{{store="{STORE}"}}') == 0, "nothing waits", seconds=300)
        print("done", flush=True)
        measure(servers, pipeline, store, skus, result)
    except BaseException:
        print(pipeline.logs())
        raise
    finally:
        pipeline.close()
        servers.postgres.drop_database(DATABASE)
    return result
