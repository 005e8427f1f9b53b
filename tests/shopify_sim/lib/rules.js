'use strict';

/*
 * What makes Shopify refuse a mutation with userErrors: all of them together, and nothing is changed.
 * Pure: reads the shop, changes nothing.
 */

const gid = require('./gid');

const MAX_QUANTITY = 1000000000;

const REASONS = new Set([
  'correction',
  'cycle_count_available',
  'damaged',
  'movement_canceled',
  'movement_created',
  'movement_received',
  'movement_updated',
  'other',
  'promotion',
  'quality_control',
  'received',
  'reservation_created',
  'reservation_deleted',
  'reservation_updated',
  'restock',
  'safety_stock',
  'shrinkage',
]);

const NAMES = new Set(['available', 'on_hand']);

function error(field, code, message) {
  return { field, code, message };
}

function entryError(index, member, code, message) {
  return error(['input', 'quantities', String(index), member], code, message);
}

function requestErrors(input) {
  const errors = [];
  if (!NAMES.has(input.name))
    errors.push(error(['input', 'name'], 'INVALID_NAME', 'name must be available or on_hand'));
  if (!REASONS.has(input.reason))
    errors.push(error(['input', 'reason'], 'INVALID_REASON', 'reason is not in the list'));
  const uri = input.referenceDocumentUri;
  if (uri !== null && uri !== undefined && !/^[A-Za-z][A-Za-z0-9+.-]*:(?:\/\/)?[^\s/]\S*$/.test(uri)) {
    errors.push(
      error(['input', 'referenceDocumentUri'], 'INVALID_REFERENCE_DOCUMENT', 'the URI needs a scheme and content'),
    );
  }
  return errors;
}

function boundsError(index, name, quantity) {
  if (quantity > MAX_QUANTITY)
    return entryError(index, 'quantity', 'INVALID_QUANTITY_TOO_HIGH', 'quantity is too high');
  if (name === 'on_hand' && quantity < 0) {
    return entryError(index, 'quantity', 'INVALID_QUANTITY_NEGATIVE', 'on_hand must not be negative');
  }
  if (quantity < -MAX_QUANTITY) return entryError(index, 'quantity', 'INVALID_QUANTITY_TOO_LOW', 'quantity is too low');
  return null;
}

/**
 * Checks an InventorySetQuantitiesInput. Answers {errors, entries}; entries, one for each quantity in order, are
 * {itemId, locationId, level}: the numbers in the ids and the level, null where there is none.
 */
function checkSet(shop, input) {
  const errors = requestErrors(input);
  const name = NAMES.has(input.name) ? input.name : null;
  const entries = [];
  const firstOfPair = new Map();
  input.quantities.forEach((wanted, index) => {
    const itemId = gid.parseItem(wanted.inventoryItemId);
    const locationId = gid.parseLocation(wanted.locationId);
    const item = itemId === null ? undefined : shop.items.get(itemId);
    const location = locationId === null ? undefined : shop.locations.get(locationId);
    const level = item !== undefined && location !== undefined ? shop.level(item, location) : null;
    entries.push({ itemId, locationId, level });
    if (item === undefined) {
      errors.push(entryError(index, 'inventoryItemId', 'INVALID_INVENTORY_ITEM', 'item not found'));
    }
    if (location === undefined) {
      errors.push(entryError(index, 'locationId', 'INVALID_LOCATION', 'location not found'));
    }
    if (item?.requiresComponents) {
      errors.push(
        entryError(index, 'inventoryItemId', 'NON_MUTABLE_INVENTORY_ITEM', 'the quantity follows from components'),
      );
    }
    duplicateErrors(firstOfPair, wanted, index, errors);
    const bounds = boundsError(index, name, wanted.quantity);
    if (bounds !== null) errors.push(bounds);
    if (level !== null && name !== null && isStale(level, name, wanted.changeFromQuantity)) {
      errors.push(entryError(index, 'changeFromQuantity', 'CHANGE_FROM_QUANTITY_STALE', 'the stored value differs'));
    }
  });
  return { errors, entries };
}

function isStale(level, name, changeFrom) {
  return changeFrom !== null && level.get(name) !== changeFrom;
}

/** Names every entry of a pair that is there twice, the first one when the second is met. */
function duplicateErrors(firstOfPair, wanted, index, errors) {
  const pair = `${wanted.inventoryItemId} ${wanted.locationId}`;
  const first = firstOfPair.get(pair);
  if (first === undefined) {
    firstOfPair.set(pair, { index, isNamed: false });
    return;
  }
  const code = 'NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR';
  if (!first.isNamed) errors.push(entryError(first.index, 'locationId', code, 'pair is not unique'));
  first.isNamed = true;
  errors.push(entryError(index, 'locationId', code, 'pair is not unique'));
}

function isGiven(value) {
  return value !== null && value !== undefined;
}

/**
 * Checks the arguments of inventoryActivate, whose errors have no code. Answers {errors, item, location, level};
 * level is null when the item was never connected to the location.
 */
function checkActivate(shop, args) {
  const itemId = gid.parseItem(args.inventoryItemId);
  const locationId = gid.parseLocation(args.locationId);
  const item = shop.items.get(itemId);
  const location = shop.locations.get(locationId);
  const errors = [];
  if (item === undefined) errors.push(error(['inventoryItemId'], undefined, 'item not found'));
  if (location === undefined) errors.push(error(['locationId'], undefined, 'location not found'));
  else if (!location.isActive) errors.push(error(['locationId'], undefined, 'the location is not active'));
  if (isGiven(args.available) && isGiven(args.onHand)) {
    errors.push(error(['available'], undefined, 'one only'), error(['onHand'], undefined, 'one only'));
  }
  for (const member of ['available', 'onHand']) {
    if (isGiven(args[member]) && Math.abs(args[member]) > MAX_QUANTITY) {
      errors.push(error([member], undefined, 'quantity is out of bounds'));
    }
  }
  const level = item !== undefined && location !== undefined ? shop.level(item, location) : null;
  return { errors, item, location, level, itemId, locationId };
}

module.exports = { checkActivate, checkSet, isGiven };
