'use strict';

/*
 * What the schema's fields answer. Resolvers are attached to the fields that the simulator knows; any other field
 * answers with the error NOT_SIMULATED instead of a made-up value.
 * context of an execution: {shop, operation, variables, requestId, startedUs, searches, concurrentKeys, fault}.
 */

const { GraphQLError, getDirectiveValues, getNamedType } = require('graphql');
const bulk = require('./bulk');
const gid = require('./gid');
const { wallUs } = require('./clock');
const { fingerprint } = require('./idempotency');
const { Entries, NO_ENTRIES } = require('./journal');
const { checkActivate, checkSet, isGiven } = require('./rules');
const { decodeCursor, encodeCursor, explain, pageOf } = require('./search');
const { VERSIONS } = require('./versions');

const MAX_LIST = 250;

/** An error that answers for the whole request: no data, and nothing charged. */
class RequestRefused extends GraphQLError {}

function refuse(info, code, message, extraNodes = []) {
  return new GraphQLError(message, { nodes: [info.fieldNodes[0], ...extraNodes], extensions: { code } });
}

function listTooLong(info, path, length) {
  return new RequestRefused(`The input array size of ${length} is greater than the maximum allowed of ${MAX_LIST}`, {
    nodes: [info.fieldNodes[0]],
    path,
    extensions: { code: 'MAX_INPUT_SIZE_EXCEEDED' },
  });
}

function iso(ms) {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

/* ---- connections ---- */

function checkPage(args, info) {
  const { first, last } = args;
  if (!isGiven(first) && !isGiven(last)) throw refuse(info, 'BAD_REQUEST', 'first or last is needed');
  if (isGiven(first) && isGiven(last)) throw refuse(info, 'BAD_REQUEST', 'first and last exclude each other');
  const size = first ?? last;
  if (size < 1 || size > MAX_LIST) throw refuse(info, 'BAD_REQUEST', `a page holds 1 to ${MAX_LIST} nodes`);
}

function cursorId(cursor, info) {
  if (!isGiven(cursor)) return null;
  const id = decodeCursor(cursor);
  if (id === null) throw refuse(info, 'BAD_REQUEST', 'the cursor is not valid');
  return id;
}

const MAX_COUNT = 10000;

/** A bulk operation reads connections as a whole. */
function whole(list, isVisible) {
  const nodes = list.filter(isVisible);
  return { nodes, ids: nodes.map((object) => object.id), pageInfo: null };
}

function page(list, args, context, info, isVisible = () => true) {
  if (context.isBulk) return whole(list, isVisible);
  checkPage(args, info);
  return pageOf(list, args, cursorId(args.after, info), cursorId(args.before, info), isVisible);
}

function searchPage(collection, itemOf, args, context, info) {
  if (isGiven(args.sortKey) && args.sortKey !== 'ID')
    throw refuse(info, 'NOT_SIMULATED', 'only sortKey ID is simulated');
  const { node, list } = collection.search(args.query);
  if (args.query) {
    context.searches.push(explain([info.path.key], args.query, node, collection.filters));
  }
  const { shop } = context;
  return page(list, args, context, info, (object) => shop.isIndexed(itemOf(object)));
}

function locationPage(args, context, info) {
  const { shop } = context;
  if (args.query) throw refuse(info, 'NOT_SIMULATED', 'locations are not searched');
  const list = shop.locationList.filter((location) => args.includeInactive || location.isActive);
  if (args.sortKey === 'ID')
    return page(
      [...list].sort((a, b) => a.id - b.id),
      args,
      context,
      info,
    );
  /* Names are no ids: pages are cut over their rank, and the cursor holds the rank. */
  const ranked = list
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id - b.id))
    .map((location, rank) => ({ id: rank, location }));
  const found = page(ranked, args, context, info);
  return { ...found, nodes: found.nodes.map((entry) => entry.location) };
}

function levelPage(item, args, context, info) {
  const levels = item.levels
    .filter((level) => level && (level.isActive || args.includeInactive))
    .map((level) => ({ id: level.location.levelNumber, level }));
  const found = page(levels, args, context, info);
  return { ...found, nodes: found.nodes.map((entry) => entry.level) };
}

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

/* ---- inventorySetQuantities ---- */

class Group {
  constructor(number, record) {
    this.number = number;
    this.record = record;
  }
}
Group.prototype.__typename = 'InventoryAdjustmentGroup';

function setEntries(input, checked) {
  const entries = new Entries(input.quantities.length);
  input.quantities.forEach((wanted, index) => {
    const { itemId, locationId, level } = checked[index];
    const stored = level === null ? null : level.get(input.name);
    entries.set(index, itemId, locationId, wanted.quantity, wanted.changeFromQuantity, stored, stored);
  });
  return entries;
}

/** Changes the levels and completes the record. Answers the group, null when nothing was to be changed. */
function applySet(shop, input, checked, record) {
  let changed = 0;
  let ineffective = 0;
  input.quantities.forEach((wanted, index) => {
    const { itemId, locationId, level } = checked[index];
    if (level === null || !level.isActive) {
      shop.stats[level === null ? 'writesToMissing' : 'writesToInactive']++;
      ineffective++;
      return;
    }
    const before = level.get(input.name);
    if (before === wanted.quantity) return;
    level.shift(wanted.quantity - before);
    changed++;
    record.entries.set(index, itemId, locationId, wanted.quantity, wanted.changeFromQuantity, before, wanted.quantity);
  });
  shop.stats.entries += input.quantities.length;
  shop.stats.pairsApplied += changed;
  if (changed > 0) record.outcome = 'applied';
  else record.outcome = ineffective > 0 ? 'ineffective' : 'noop';
  if (changed === 0 && ineffective === 0) {
    shop.stats.noops++;
    return null;
  }
  return new Group(++shop.groupCount, record);
}

function changeFromMissing(input) {
  return input.quantities.some((wanted) => !('changeFromQuantity' in wanted));
}

function setQuantities({ input }, context, info) {
  const { shop } = context;
  if (input.quantities.length > MAX_LIST) {
    throw listTooLong(info, [info.path.key, 'input', 'quantities'], input.quantities.length);
  }
  const key = readKey(info, context.variables);
  if (changeFromMissing(input)) {
    const message = 'InventoryQuantityInput must include the following argument: changeFromQuantity.';
    throw refuse(info, 'INVALID_FIELD_ARGUMENTS', message, info.operation.variableDefinitions?.slice(0, 1));
  }
  const record = newRecord(context, info, {
    key,
    name: input.name,
    reason: input.reason,
    reference: input.referenceDocumentUri ?? null,
  });
  const toPayload = (errors) => ({ inventoryAdjustmentGroup: null, userErrors: errors });
  return once(context, info, record, toPayload, () => {
    const { errors, entries } = checkSet(shop, input);
    record.entries = setEntries(input, entries);
    if (errors.length > 0) return { errors, payload: toPayload(errors) };
    const group = applySet(shop, input, entries, record);
    const payload = { inventoryAdjustmentGroup: group, userErrors: [] };
    return { errors, payload, again: () => payload };
  });
}

/** A set of either name moves available and on_hand, by the same number. */
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
    /* A level that was active before comes back with its old numbers, whatever was asked for. */
    if (level === null) active.shift(given ?? 0);
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

/* ---- reads by id ---- */

function findLevel({ shop }, number, itemId) {
  const item = shop.items.get(itemId);
  return item?.levels.find((level) => level?.location.levelNumber === number) ?? null;
}

function findNode(id, context) {
  const parsed = gid.parseAny(id);
  if (parsed === null) return null;
  const { shop } = context;
  switch (parsed.type) {
    case 'InventoryItem':
      return shop.items.get(parsed.number) ?? null;
    case 'ProductVariant':
      return shop.variantOwners.get(parsed.number)?.variant ?? null;
    case 'Location':
      return shop.locations.get(parsed.number) ?? null;
    case 'InventoryLevel':
      return findLevel(context, parsed.number, parsed.itemId);
    default:
      return null;
  }
}

function nodeOfType(type) {
  return (root, { id }, context) => {
    const node = findNode(id, context);
    return node?.__typename === type ? node : null;
  };
}

function levelAt(item, args, { shop }) {
  const location = shop.locations.get(gid.parseLocation(args.locationId));
  const level = location === undefined ? null : shop.level(item, location);
  return level !== null && (level.isActive || args.includeInactive) ? level : null;
}

function quantitiesOf(level, { names }, context, info) {
  return names.map((name) => {
    const quantity = level.quantity(name);
    if (quantity === null) throw refuse(info, 'INVALID_FIELD_ARGUMENTS', `'${name}' is no quantity name`);
    return { level, name, quantity };
  });
}

function sellable(item) {
  return item.levels.reduce((sum, level) => (level?.isActive ? sum + level.available : sum), 0);
}

const connection = {
  edges: (found) => found.nodes.map((node, index) => ({ node, cursor: encodeCursor(found.ids[index]) })),
};

const RESOLVERS = {
  QueryRoot: {
    node: (root, { id }, context) => findNode(id, context),
    nodes(root, { ids }, context, info) {
      if (ids.length > MAX_LIST) throw listTooLong(info, [info.path.key, 'ids'], ids.length);
      return ids.map((id) => findNode(id, context));
    },
    inventoryItem: nodeOfType('InventoryItem'),
    inventoryLevel: nodeOfType('InventoryLevel'),
    productVariant: nodeOfType('ProductVariant'),
    location: nodeOfType('Location'),
    inventoryItems: (root, args, context, info) =>
      searchPage(context.shop.itemCollection, (item) => item, args, context, info),
    productVariants: (root, args, context, info) =>
      searchPage(context.shop.variantCollection, (variant) => variant.item, args, context, info),
    productVariantsCount(root, args, { shop }, info) {
      if (args.query) throw refuse(info, 'NOT_SIMULATED', 'only the whole catalogue is counted');
      const count = shop.variantCollection.list.length;
      const limit = args.limit === undefined ? MAX_COUNT : args.limit;
      const isCut = limit !== null && count > limit;
      return { count: isCut ? limit : count, precision: isCut ? 'AT_LEAST' : 'EXACT' };
    },
    bulkOperation(root, { id }, { shop }, info) {
      const operation = shop.bulk.operations.get(gid.parseAny(id)?.number);
      return operation === undefined ? null : bulk.poll(shop, info.schema, operation, readProperty);
    },
    locations: (root, args, context, info) => locationPage(args, context, info),
    currentAppInstallation: (root, args, context) => ({
      id: gid.format('AppInstallation', 1),
      accessScopes: context.shop.scopes.map((handle) => ({ handle, description: handle })),
    }),
    publicApiVersions: () => VERSIONS.map(({ handle, supported }) => ({ handle, displayName: handle, supported })),
    shop: (root, args, { shop }) => ({
      id: gid.format('Shop', 1),
      name: shop.name,
      myshopifyDomain: shop.domain,
    }),
  },
  Mutation: {
    inventorySetQuantities: mutation(setQuantities),
    inventoryActivate: mutation(activate),
    inventoryItemUpdate: mutation(updateItem),
    bulkOperationRunQuery: (root, { query }, { shop }, info) => bulk.start(shop, info.schema, query),
  },
  InventoryAdjustmentGroup: {
    id: (group) => gid.format('InventoryAdjustmentGroup', group.number),
    createdAt: (group) => iso(group.record.at_us / 1000),
    reason: (group) => group.record.reason,
    referenceDocumentUri: (group) => group.record.reference,
    changes: changesOf,
  },
  InventoryItem: {
    id: (item) => gid.format('InventoryItem', item.id),
    legacyResourceId: (item) => String(item.id),
    duplicateSkuCount: (item, args, { shop }) => (item.sku === null ? 0 : shop.skuCounts.get(item.sku) - 1),
    trackedEditable: (item) => ({ locked: item.trackingLocked !== null, reason: item.trackingLocked }),
    createdAt: (item) => iso(item.createdMs),
    updatedAt: (item) => iso(item.updatedMs),
    inventoryLevel: levelAt,
    inventoryLevels(item, args, context, info) {
      if (args.query) throw refuse(info, 'NOT_SIMULATED', 'levels are not searched');
      return levelPage(item, args, context, info);
    },
    variants: (item, args, context, info) => page([item.variant], args, context, info),
  },
  InventoryLevel: {
    id: (level) => gid.formatLevel(level.location.levelNumber, level.item.id),
    canDeactivate: (level) => level.isActive && level.committed === 0,
    quantities: quantitiesOf,
    updatedAt: (level) => iso(level.updatedMs),
  },
  InventoryQuantity: {
    id: ({ level, name }) =>
      `gid://shopify/InventoryQuantity/${level.location.levelNumber}?inventory_item_id=${level.item.id}&name=${name}`,
    updatedAt: ({ level, name }) => (name === 'available' ? iso(level.updatedMs) : null),
  },
  ProductVariant: {
    id: (variant) => gid.format('ProductVariant', variant.id),
    legacyResourceId: (variant) => String(variant.id),
    sku: (variant) => variant.item.sku,
    barcode: (variant) => variant.item.barcode,
    requiresComponents: (variant) => variant.item.requiresComponents,
    inventoryItem: (variant) => variant.item,
    inventoryQuantity: (variant) => sellable(variant.item),
    createdAt: (variant) => iso(variant.item.createdMs),
    updatedAt: (variant) => iso(variant.item.updatedMs),
  },
  Location: {
    id: (location) => gid.format('Location', location.id),
    legacyResourceId: (location) => String(location.id),
    fulfillsOnlineOrders: (location) => location.isActive && !location.isFulfillmentService,
    hasActiveInventory(location, args, { shop }) {
      for (const item of shop.items.values()) if (item.levels[location.index]?.isActive) return true;
      return false;
    },
  },
  InventoryItemConnection: connection,
  ProductVariantConnection: connection,
  LocationConnection: connection,
  InventoryLevelConnection: connection,
};

/** A field without a resolver: a property of its object, or an honest error. */
function readProperty(source, args, context, info) {
  const value = source?.[info.fieldName];
  if (value === undefined) {
    if (info.parentType.name.endsWith('UserError')) return null;
    throw refuse(info, 'NOT_SIMULATED', `${info.parentType.name}.${info.fieldName} is not simulated`);
  }
  return value;
}

/** Refuses the field when the shop's token lacks a scope that the schema asks for. */
function guarded(requirements, resolve) {
  if (requirements.length === 0) return resolve;
  return (source, args, context, info) => {
    for (const access of requirements) {
      if (context.shop.grantsOne(access)) continue;
      throw new GraphQLError(`Access denied for ${info.fieldName} field.`, {
        nodes: [info.fieldNodes[0]],
        extensions: {
          code: 'ACCESS_DENIED',
          documentation: 'https://shopify.dev/api/usage/access-scopes',
          requiredAccess: access.text,
        },
      });
    }
    return resolve(source, args, context, info);
  };
}

function attachResolvers({ schema, requiredAccess }) {
  for (const [typeName, fields] of Object.entries(RESOLVERS)) {
    const known = schema.getType(typeName).getFields();
    for (const [fieldName, resolve] of Object.entries(fields)) {
      const field = known[fieldName];
      if (field === undefined) throw new Error(`the schema has no field ${typeName}.${fieldName}`);
      const returned = getNamedType(field.type).name.replace(/Connection$/, '');
      field.resolve = guarded(requiredAccess(typeName, fieldName, returned), resolve);
    }
  }
}

module.exports = { RequestRefused, attachResolvers, readProperty };
