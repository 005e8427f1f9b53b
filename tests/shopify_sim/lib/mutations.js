'use strict';

/*
 * The mutations: set, adjust, activate, update of an item. Each runs once for its key and is journalled, whatever
 * comes of it. context: see resolvers.js.
 */

const { GraphQLError, getDirectiveValues } = require('graphql');
const gid = require('./gid');
const { wallUs } = require('./clock');
const { fingerprint } = require('./idempotency');
const { Entries, NO_ENTRIES } = require('./journal');
const { MAX_LIST, listTooLong, refuse } = require('./refusals');
const { ADJUSTABLE, checkActivate, checkAdjust, checkSet, isGiven } = require('./rules');

/* ---- mutations: key, journal ---- */

function newRecord(context, info, fields) {
  return {
    seq: 0,
    at_us: wallUs(),
    startedAt_us: context.startedUs,
    operation: info.fieldName,
    operationName: context.operation.name,
    key: null,
    name: null,
    reason: null,
    reference: null,
    requestId: context.requestId,
    outcome: '',
    entries: NO_ENTRIES,
    errors: [],
    fault: context.fault,
    ...fields,
  };
}

function readKey(info, variables) {
  const directive = info.schema.getDirective('idempotent');
  const key = getDirectiveValues(directive, info.fieldNodes[0], variables)?.key;
  if (key === undefined) {
    throw refuse(info, 'BAD_REQUEST', 'The @idempotent directive is required for this mutation but was not provided');
  }
  if (key.trim() === '') throw refuse(info, 'BAD_REQUEST', 'The idempotency key must not be blank');
  return key;
}

const KEY_ERRORS = {
  running: ['IDEMPOTENCY_CONCURRENT_REQUEST', 'a request with this key is being executed'],
  mismatch: ['IDEMPOTENCY_KEY_PARAMETER_MISMATCH', 'this key was used with other parameters'],
  failed: ['IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED', 'the first attempt with this key failed'],
};

function refused(context, record, errors) {
  record.outcome = 'refused';
  record.errors = errors;
  context.shop.stats.refused++;
  context.shop.journal.add(record);
  return errors;
}

/**
 * Runs `execute` once per key. It answers {errors, payload, again}; `again` builds the answer of a replay from
 * present data. `toPayload` makes the answer of errors alone.
 */
function once(context, info, record, toPayload, execute) {
  const { shop } = context;
  const print = fingerprint(context.operation.argumentText(info.fieldNodes[0], context.variables));
  const isConcurrent = context.concurrentKeys.includes(record.key);
  const { state, entry } = isConcurrent
    ? { state: 'running', entry: null }
    : shop.keys.begin(record.key, print, shop.clock.nowMs(), context);
  if (state === 'done') {
    record.outcome = 'replayed';
    shop.stats.replayed++;
    shop.journal.add(record);
    return entry.result();
  }
  if (state !== 'new') {
    const [code, message] = KEY_ERRORS[state];
    return toPayload(refused(context, record, [{ field: null, code, message }]));
  }
  const { errors, payload, again } = execute();
  if (errors.length > 0) {
    shop.keys.settle(entry, 'failed', null);
    refused(context, record, errors);
  } else {
    shop.keys.settle(entry, 'done', again);
    shop.journal.add(record);
  }
  return payload;
}

/** Journals a refusal that is a top-level error, and passes it on. */
function journalThrown(context, info, error) {
  const record = newRecord(context, info, {});
  refused(context, record, [{ field: null, code: error.extensions.code ?? null, message: error.message }]);
  return error;
}

function mutation(resolve) {
  return (root, args, context, info) => {
    context.shop.stats.mutations++;
    try {
      return resolve(args, context, info);
    } catch (error) {
      throw error instanceof GraphQLError ? journalThrown(context, info, error) : error;
    }
  };
}

/* ---- inventorySetQuantities, inventoryAdjustQuantities ---- */

class Group {
  constructor(number, record) {
    this.number = number;
    this.record = record;
  }
}
Group.prototype.__typename = 'InventoryAdjustmentGroup';

/* What the two mutations differ in: the list in their input, its type, its check, and what an entry makes of a level. */
const SET = {
  list: 'quantities',
  type: 'InventoryQuantityInput',
  check: checkSet,
  quantity: ({ quantity }) => quantity,
  delta: () => null,
};
const ADJUST = {
  list: 'changes',
  type: 'InventoryChangeInput',
  check: checkAdjust,
  quantity: ({ delta }, before) => (before === null ? null : before + delta),
  delta: ({ delta }) => delta,
};

/** The journal's entries of a mutation that has changed nothing yet. */
function entriesOf(kind, input, checked) {
  const asked = input[kind.list];
  const entries = new Entries(asked.length);
  asked.forEach((wanted, index) => {
    const { itemId, locationId, level } = checked[index];
    const stored = level === null ? null : level.get(input.name);
    const quantity = kind.quantity(wanted, stored);
    entries.set(index, itemId, locationId, quantity, wanted.changeFromQuantity, stored, stored, kind.delta(wanted));
  });
  return entries;
}

/** Changes the levels and completes the record. Answers the group, null when nothing was to be changed. */
function applyEntries(kind, shop, input, checked, record) {
  let changed = 0;
  let ineffective = 0;
  input[kind.list].forEach((wanted, index) => {
    const { itemId, locationId, level } = checked[index];
    if (level === null || !level.isActive) {
      shop.stats[level === null ? 'writesToMissing' : 'writesToInactive']++;
      ineffective++;
      return;
    }
    const before = level.get(input.name);
    const after = kind.quantity(wanted, before);
    const delta = kind.delta(wanted);
    record.entries.set(index, itemId, locationId, after, wanted.changeFromQuantity, before, after, delta);
    if (before === after) return;
    level.shift(after - before);
    changed++;
  });
  shop.stats.entries += checked.length;
  shop.stats.pairsApplied += changed;
  if (changed > 0) record.outcome = 'applied';
  else record.outcome = ineffective > 0 ? 'ineffective' : 'noop';
  if (changed === 0 && ineffective === 0) {
    shop.stats.noops++;
    return null;
  }
  return new Group(++shop.groupCount, record);
}

function write(kind, { input }, context, info) {
  const { shop } = context;
  const asked = input[kind.list];
  if (asked.length > MAX_LIST) throw listTooLong(info, [info.path.key, 'input', kind.list], asked.length);
  const key = readKey(info, context.variables);
  if (asked.some((wanted) => !('changeFromQuantity' in wanted))) {
    const message = `${kind.type} must include the following argument: changeFromQuantity.`;
    throw refuse(info, 'INVALID_FIELD_ARGUMENTS', message, info.operation.variableDefinitions?.slice(0, 1));
  }
  if (kind === ADJUST && input.name !== 'available' && ADJUSTABLE.has(input.name)) {
    throw refuse(info, 'NOT_SIMULATED', `adjusting '${input.name}' is not simulated`);
  }
  const record = newRecord(context, info, {
    key,
    name: input.name,
    reason: input.reason,
    reference: input.referenceDocumentUri ?? null,
  });
  const toPayload = (errors) => ({ inventoryAdjustmentGroup: null, userErrors: errors });
  return once(context, info, record, toPayload, () => {
    const { errors, entries } = kind.check(shop, input);
    record.entries = entriesOf(kind, input, entries);
    if (errors.length > 0) return { errors, payload: toPayload(errors) };
    const group = applyEntries(kind, shop, input, entries, record);
    const payload = { inventoryAdjustmentGroup: group, userErrors: [] };
    return { errors, payload, again: () => payload };
  });
}

/** Both quantities move by the same number, whichever was named. */
function changesOf(group, args, { shop }) {
  const wantedItems = args.inventoryItemIds?.map(gid.parseItem);
  const wantedLocations = args.locationIds?.map(gid.parseLocation);
  const changes = [];
  for (const { item, location, before, after } of group.record.entries.toJSON()) {
    if (before === null || before === after) continue;
    if (wantedItems && !wantedItems.includes(item)) continue;
    if (wantedLocations && !wantedLocations.includes(location)) continue;
    for (const name of ['available', 'on_hand']) {
      if (args.quantityNames && !args.quantityNames.includes(name)) continue;
      changes.push({
        name,
        delta: after - before,
        quantityAfterChange: null,
        ledgerDocumentUri: null,
        item: shop.items.get(item) ?? null,
        location: shop.locations.get(location) ?? null,
      });
    }
  }
  return changes;
}

/* ---- inventoryActivate, inventoryItemUpdate ---- */

function activate(args, context, info) {
  const { shop } = context;
  const key = readKey(info, context.variables);
  const name = isGiven(args.onHand) ? 'on_hand' : 'available';
  const given = args.onHand ?? args.available ?? null;
  const record = newRecord(context, info, { key, name });
  const toPayload = (errors) => ({ inventoryLevel: null, userErrors: errors });
  return once(context, info, record, toPayload, () => {
    const { errors, item, location, level, itemId, locationId } = checkActivate(shop, args);
    const before = level === null ? null : level.get(name);
    record.entries = new Entries(1);
    record.entries.set(0, itemId, locationId, given, null, before, before);
    if (errors.length > 0) return { errors, payload: toPayload(errors) };
    if (level !== null && level.isActive) {
      const again = () => ({ inventoryLevel: level, userErrors: [] });
      record.outcome = 'noop';
      if (given === null) return { errors, payload: again(), again };
      const error = { field: [name === 'on_hand' ? 'onHand' : 'available'], message: 'not for an active level' };
      return { errors: [error], payload: { inventoryLevel: level, userErrors: [error] } };
    }
    const active = level ?? shop.connect(item, location);
    active.isActive = true;
    /* A level that was active before comes back with its old numbers; an untracked item takes none. */
    if (level === null && item.tracked) active.shift(given ?? 0);
    record.entries.set(0, itemId, locationId, given, null, before, active.get(name));
    record.outcome = 'applied';
    const again = () => ({ inventoryLevel: shop.level(item, location), userErrors: [] });
    return { errors, payload: again(), again };
  });
}

const UPDATABLE = ['tracked'];

function updateItem({ id, input }, context, info) {
  const { shop } = context;
  const other = Object.keys(input).filter((member) => !UPDATABLE.includes(member));
  if (other.length > 0) throw refuse(info, 'NOT_SIMULATED', `input.${other[0]} is not simulated`);
  const itemId = gid.parseItem(id);
  const item = shop.items.get(itemId);
  const record = newRecord(context, info, {});
  record.entries = new Entries(1);
  record.entries.set(0, itemId, null, null, null, null, null);
  if (item === undefined) {
    const errors = refused(context, record, [{ field: ['id'], message: 'item not found' }]);
    return { inventoryItem: null, userErrors: errors };
  }
  const isChange = isGiven(input.tracked) && input.tracked !== item.tracked;
  if (isChange && item.trackingLocked !== null) {
    const errors = refused(context, record, [{ field: ['input', 'tracked'], message: item.trackingLocked }]);
    return { inventoryItem: item, userErrors: errors };
  }
  record.outcome = isChange ? 'applied' : 'noop';
  if (isGiven(input.tracked)) item.tracked = input.tracked;
  shop.journal.add(record);
  return { inventoryItem: item, userErrors: [] };
}

const MUTATIONS = {
  inventorySetQuantities: mutation((...call) => write(SET, ...call)),
  inventoryAdjustQuantities: mutation((...call) => write(ADJUST, ...call)),
  inventoryActivate: mutation(activate),
  inventoryItemUpdate: mutation(updateItem),
};

module.exports = { MUTATIONS, changesOf };
