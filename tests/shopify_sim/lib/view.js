'use strict';

/* What the page shows of one shop: a row for each item, a cell for each location; never more rows than asked for. */

function rowOf(shop, item) {
  return {
    item: item.id,
    sku: item.sku,
    tracked: item.tracked,
    levels: shop.locationList.map((location) => {
      const level = shop.level(item, location);
      if (level === null) return null;
      return [level.available, level.onHand, level.committed, level.isActive ? 1 : 0, level.updatedMs];
    }),
  };
}

/* A filter that finds nothing must not walk the journal of a whole benchmark once a second. */
const NEWEST_RECORDS = 500;

/** Items that the newest mutations changed, newest first, then all others. */
function* newestItems(shop) {
  const seen = new Set();
  const { records } = shop.journal;
  const last = Math.max(0, records.length - NEWEST_RECORDS);
  for (let at = records.length - 1; at >= last; at--) {
    if (records[at].outcome !== 'applied') continue;
    for (const { item: id } of records[at].entries.toJSON()) {
      const item = shop.items.get(id);
      if (item === undefined || seen.has(item)) continue;
      seen.add(item);
      yield item;
    }
  }
  for (const item of shop.itemCollection.sorted()) if (!seen.has(item)) yield item;
}

function view(shop, { filter, order, limit }) {
  const wanted = filter.toLowerCase();
  const candidates = order === 'changes' ? newestItems(shop) : shop.itemCollection.sorted();
  const rows = [];
  let hasMore = false;
  for (const item of candidates) {
    if (wanted !== '' && !`${item.sku ?? ''} ${item.id}`.toLowerCase().includes(wanted)) continue;
    if (rows.length === limit) {
      hasMore = true;
      break;
    }
    rows.push(rowOf(shop, item));
  }
  return { locations: shop.locationList.map(({ id, name, isActive }) => ({ id, name, isActive })), rows, hasMore };
}

module.exports = { view };
