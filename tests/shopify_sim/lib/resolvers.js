'use strict';

/*
 * What the schema's fields answer. Resolvers are attached to the fields that the simulator knows; any other field
 * answers with the error NOT_SIMULATED instead of a made-up value.
 * context of an execution: {shop, operation, variables, requestId, startedUs, searches, concurrentKeys, fault}.
 */

const { GraphQLError, getNamedType } = require('graphql');
const bulk = require('./bulk');
const gid = require('./gid');
const { MUTATIONS, changesOf } = require('./mutations');
const { MAX_LIST, listTooLong, refuse } = require('./refusals');
const { isGiven } = require('./rules');
const { decodeCursor, encodeCursor, explain, pageOf } = require('./search');
const { VERSIONS } = require('./versions');

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

/** A write scope holds its read scope, and both are listed. */
function listedScopes(scopes) {
  return [...new Set(scopes.flatMap((scope) => [scope.replace(/^write_/, 'read_'), scope]))];
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
      const parsed = gid.parseAny(id);
      if (parsed?.type !== 'BulkOperation') throw refuse(info, 'RESOURCE_NOT_FOUND', `Invalid id: ${id}`);
      const operation = shop.bulk.operations.get(parsed.number);
      return operation === undefined ? null : bulk.poll(shop, info.schema, operation, readProperty);
    },
    locations: (root, args, context, info) => locationPage(args, context, info),
    currentAppInstallation: (root, args, context) => ({
      id: gid.format('AppInstallation', 1),
      accessScopes: listedScopes(context.shop.scopes).map((handle) => ({ handle, description: handle })),
    }),
    publicApiVersions: () => VERSIONS.map(({ handle, supported }) => ({ handle, displayName: handle, supported })),
    shop: (root, args, { shop }) => ({
      id: gid.format('Shop', 1),
      name: shop.name,
      myshopifyDomain: shop.domain,
    }),
  },
  Mutation: {
    ...MUTATIONS,
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

module.exports = { attachResolvers, readProperty };
