'use strict';

/*
 * What makes Shopify refuse a mutation with userErrors: all of them together, and nothing is changed.
 * Pure: reads the shop, changes nothing.
 */

const gid = require('./gid');

/* Of a quantity that is set, and of one that an adjustment leads to. */
const MAX_QUANTITY = 1000000000;
const MAX_ADJUSTED = 2000000000;

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

/* Names that Shopify adjusts: on_hand and committed follow from others. */
const ADJUSTABLE = new Set(['available', 'damaged', 'incoming', 'quality_control', 'reserved', 'safety_stock']);

function error(field, code, message) {
  return { field, code, message };
}

function entryError(list, index, member, code, message) {
  return error(['input', list, String(index), member], code, message);
}

function requestErrors(input) {
  const errors = [];
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

/** What an entry of a set or of an adjustment speaks of: {itemId, locationId, level, errors}. */
function lookUp(shop, wanted, list, index) {
  const errors = [];
  const itemId = gid.parseItem(wanted.inventoryItemId);
  const locationId = gid.parseLocation(wanted.locationId);
  const item = itemId === null ? undefined : shop.items.get(itemId);
  const location = locationId === null ? undefined : shop.locations.get(locationId);
  const level = item !== undefined && location !== undefined ? shop.level(item, location) : null;
  if (item === undefined) {
    errors.push(entryError(list, index, 'inventoryItemId', 'INVALID_INVENTORY_ITEM', 'item not found'));
  }
  if (location === undefined) {
    errors.push(entryError(list, index, 'locationId', 'INVALID_LOCATION', 'location not found'));
  }
  if (item?.requiresComponents) {
    const message = 'the quantity follows from components';
    errors.push(entryError(list, index, 'inventoryItemId', 'NON_MUTABLE_INVENTORY_ITEM', message));
  }
  return { itemId, locationId, level, errors };
}

function staleErrors(level, name, wanted, list, index) {
  const { changeFromQuantity } = wanted;
  if (level === null || changeFromQuantity === null || level.get(name) === changeFromQuantity) return [];
  return [entryError(list, index, 'changeFromQuantity', 'CHANGE_FROM_QUANTITY_STALE', 'the stored value differs')];
}

function setBounds(name, quantity) {
  if (quantity > MAX_QUANTITY) return ['INVALID_QUANTITY_TOO_HIGH', 'quantity is too high'];
  if (name === 'on_hand' && quantity < 0) return ['INVALID_QUANTITY_NEGATIVE', 'on_hand must not be negative'];
  if (quantity < -MAX_QUANTITY) return ['INVALID_QUANTITY_TOO_LOW', 'quantity is too low'];
  return null;
}

/**
 * Checks an InventorySetQuantitiesInput. Answers {errors, entries}; entries, one for each quantity in order, are
 * {itemId, locationId, level}: the numbers in the ids and the level, null where there is none.
 */
function checkSet(shop, input) {
  const name = NAMES.has(input.name) ? input.name : null;
  const errors = requestErrors(input);
  if (name === null) errors.unshift(error(['input', 'name'], 'INVALID_NAME', 'name must be available or on_hand'));
  const firstOfPair = new Map();
  const entries = input.quantities.map((wanted, index) => {
    const found = lookUp(shop, wanted, 'quantities', index);
    errors.push(...found.errors);
    duplicateErrors(firstOfPair, wanted, index, errors);
    const bounds = setBounds(name, wanted.quantity);
    if (bounds !== null) errors.push(entryError('quantities', index, 'quantity', ...bounds));
    if (name !== null) errors.push(...staleErrors(found.level, name, wanted, 'quantities', index));
    return found;
  });
  return { errors, entries };
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
  if (!first.isNamed) errors.push(entryError('quantities', first.index, 'locationId', code, 'pair is not unique'));
  first.isNamed = true;
  errors.push(entryError('quantities', index, 'locationId', code, 'pair is not unique'));
}

function adjustBounds(quantity) {
  if (quantity > MAX_ADJUSTED) return ['INVALID_QUANTITY_TOO_HIGH', 'quantity is too high'];
  if (quantity < -MAX_ADJUSTED) return ['INVALID_QUANTITY_TOO_LOW', 'quantity is too low'];
  return null;
}

/**
 * Checks an InventoryAdjustQuantitiesInput, as checkSet does. A pair may be there more than once. Of the names only
 * "available" comes here or is refused; the caller sorts out those that are not simulated (ADJUSTABLE).
 */
function checkAdjust(shop, input) {
  const errors = requestErrors(input);
  const isAvailable = input.name === 'available';
  if (!isAvailable) errors.unshift(error(['input', 'name'], 'INVALID_QUANTITY_NAME', 'no quantity to be adjusted'));
  const sums = new Map();
  const entries = input.changes.map((wanted, index) => {
    const found = lookUp(shop, wanted, 'changes', index);
    errors.push(...found.errors);
    if (isGiven(wanted.ledgerDocumentUri)) {
      const message = 'available has no ledger document';
      errors.push(entryError('changes', index, 'ledgerDocumentUri', 'INVALID_AVAILABLE_DOCUMENT', message));
    }
    const { level } = found;
    const sum = (sums.get(level) ?? level?.available ?? 0) + wanted.delta;
    if (level !== null) sums.set(level, sum);
    const bounds = adjustBounds(sum);
    if (bounds !== null) errors.push(entryError('changes', index, 'delta', ...bounds));
    if (isAvailable) errors.push(...staleErrors(found.level, input.name, wanted, 'changes', index));
    return found;
  });
  return { errors, entries };
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

module.exports = { ADJUSTABLE, checkActivate, checkAdjust, checkSet, isGiven };
