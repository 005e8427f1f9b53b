'use strict';

/*
 * What happens at a shop without us: customers order, transfers hold units, people and other apps change numbers,
 * locations close, levels and items go. Each function takes the shop and what a test asked for, and throws BadInput
 * for what Shopify would not let happen.
 */

const { need } = require('./input');

function locationOf(shop, id, name = 'location') {
  const location = shop.locations.get(id);
  need(location !== undefined, `unknown ${name} ${id}`);
  return location;
}

function levelOf(shop, item, location) {
  const level = shop.level(item, location);
  need(level !== null, `item ${item.id} has no level at location ${location.id}`);
  return level;
}

function actionOf(actions, action) {
  need(Object.hasOwn(actions, action), `unknown action '${action}', known: ${Object.keys(actions).join(', ')}`);
  return actions[action];
}

function move(level, { available = 0, committed = 0, onHand = 0, incoming = 0 }) {
  level.available += available;
  level.committed += committed;
  level.onHand += onHand;
  level.incoming += incoming;
  level.updatedMs = Date.now();
}

/** The item's level at a location where units are to arrive; connected and activated when it was not. */
function arrivalLevel(shop, item, location) {
  const level = shop.level(item, location) ?? shop.connect(item, location);
  level.isActive = true;
  return level;
}

/* ---- orders ---- */

const ORDERS = {
  place: (n) => ({ available: -n, committed: n }),
  fulfil: (n) => ({ committed: -n, onHand: -n }),
  cancel: (n) => ({ available: n, committed: -n }),
  adjust: (n) => ({ available: n, onHand: n }),
  move: (n) => ({ available: n, committed: -n }),
};

/** Where an order without a location is placed: at a location that has the units, or the first that sells the item. */
function sellingLevel(item, quantity) {
  const active = item.levels.filter((level) => level?.isActive);
  need(active.length > 0, `item ${item.id} is sold nowhere`);
  return active.find((level) => level.available >= quantity) ?? active[0];
}

/** The level that was ordered from; "move" takes a placed order to the location `to`, whose level is answered. */
function order(shop, { action, location: locationId, to, quantity, ...which }) {
  const item = shop.findItem(which);
  need(Number.isSafeInteger(quantity), 'quantity must be an integer');
  const change = actionOf(ORDERS, action);
  need(locationId !== undefined || action === 'place', 'location is missing');
  const level =
    locationId === undefined ? sellingLevel(item, quantity) : levelOf(shop, item, locationOf(shop, locationId));
  const target = action === 'move' ? levelOf(shop, item, locationOf(shop, to)) : level;
  move(level, change(quantity));
  if (target !== level) move(target, ORDERS.place(quantity));
  shop.stats.orders++;
  return target;
}

/* ---- transfers ---- */

/** Marked as ready to ship: the units are still on hand, but no longer available; nothing is committed. */
function prepare(shop, { location, destination, quantity, ...which }) {
  const item = shop.findItem(which);
  need(Number.isSafeInteger(quantity) && quantity > 0, 'quantity must be an integer above 0');
  const level = levelOf(shop, item, locationOf(shop, location));
  const transfer = {
    id: shop.transfers.size + 1,
    status: 'ready',
    item: item.id,
    quantity,
    origin: location,
    destination: locationOf(shop, destination, 'destination').id,
  };
  need(transfer.destination !== location, 'a transfer needs two locations');
  move(level, { available: -quantity });
  shop.transfers.set(transfer.id, transfer);
  return transfer;
}

/* action: [status before, status after, what it does to the levels] */
const STEPS = {
  ship: [
    'ready',
    'shipped',
    (n, origin, destination) => {
      move(origin(), { onHand: -n });
      move(destination(), { incoming: n });
    },
  ],
  receive: [
    'shipped',
    'received',
    (n, origin, destination) => move(destination(), { available: n, onHand: n, incoming: -n }),
  ],
  cancel: ['ready', 'canceled', (n, origin) => move(origin(), { available: n })],
};

function proceed(shop, { action, id }) {
  const [before, after, change] = actionOf(STEPS, action);
  const transfer = shop.transfers.get(id);
  need(transfer !== undefined, `unknown transfer ${id}`);
  need(transfer.status === before, `transfer ${id} is ${transfer.status}, not ${before}`);
  const item = shop.findItem({ item: transfer.item });
  change(
    transfer.quantity,
    () => levelOf(shop, item, locationOf(shop, transfer.origin)),
    () => arrivalLevel(shop, item, locationOf(shop, transfer.destination, 'destination')),
  );
  transfer.status = after;
  return transfer;
}

function transfer(shop, given) {
  return given.action === 'ready' ? prepare(shop, given) : proceed(shop, given);
}

/* ---- people and other apps ---- */

/** Somebody sets `name` to a quantity, or moves it by a delta. As with a set of ours, the other quantity follows. */
function edit(shop, { location, name = 'available', quantity, delta, ...which }) {
  const level = levelOf(shop, shop.findItem(which), locationOf(shop, location));
  need(level.isActive, 'the level is not active');
  need(name === 'available' || name === 'on_hand', 'name must be available or on_hand');
  need((quantity === undefined) !== (delta === undefined), 'either quantity or delta');
  const change = delta ?? quantity - level.get(name);
  need(Number.isSafeInteger(change), 'quantity and delta must be integers');
  level.shift(change);
  return level;
}

/** A level is switched off only when nothing is held there, or the item has another active one. It keeps its numbers. */
function deactivate(shop, level) {
  need(level.canDeactivate, 'units are committed or reserved there, and no other level is active');
  level.isActive = false;
  level.updatedMs = Date.now();
  return level;
}

function changeLevel(shop, { action, location: locationId, ...which }) {
  const item = shop.findItem(which);
  const location = locationOf(shop, locationId);
  const actions = {
    deactivate: () => deactivate(shop, levelOf(shop, item, location)),
    activate: () => arrivalLevel(shop, item, location),
  };
  return actionOf(actions, action)();
}

function changeItem(shop, { action, ...which }) {
  const item = shop.findItem(which);
  const actions = {
    track: () => (item.tracked = true),
    untrack: () => (item.tracked = false),
    delete: () => shop.removeItems([item.id]),
  };
  actionOf(actions, action)();
  item.updatedMs = Date.now();
  return item;
}

/* ---- locations ---- */

/** Everything that a level holds goes to the item's level at the destination. */
function relocate(shop, level, destination) {
  const target = arrivalLevel(shop, level.item, destination);
  const { available, committed, onHand, incoming } = level;
  move(target, { available, committed, onHand, incoming });
  move(level, { available: -available, committed: -committed, onHand: -onHand, incoming: -incoming });
}

function close(shop, location, destinationId) {
  const destination = destinationId === undefined ? null : locationOf(shop, destinationId, 'destination');
  need(destination !== location, 'a location cannot be its own destination');
  need(destination === null || destination.isActive, 'the destination is not active');
  for (const level of shop.levels()) {
    if (level.location !== location || !level.isActive) continue;
    if (destination !== null) relocate(shop, level, destination);
    level.isActive = false;
  }
  location.isActive = false;
  if (destination === null) return;
  for (const open of shop.transfers.values()) {
    if (open.origin === location.id) open.origin = destination.id;
    if (open.destination === location.id) open.destination = destination.id;
  }
}

/** Closing without a destination leaves the units where they are, at levels that sell nothing any more. */
function changeLocation(shop, { action, location: id, destination }) {
  const location = locationOf(shop, id);
  const actions = {
    close: () => close(shop, location, destination),
    open: () => (location.isActive = true),
    delete: () => {
      if (location.isActive) close(shop, location, destination);
      shop.removeLocation(location);
    },
  };
  actionOf(actions, action)();
  return location;
}

module.exports = { changeItem, changeLevel, changeLocation, edit, order, transfer };
