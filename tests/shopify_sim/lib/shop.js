'use strict';

/*
 * The state of one shop: locations, inventory items with their variants and levels, keys, bucket, faults, journal.
 * Ids are integers here; gid.js makes them global. Lists are sorted by id, so that a page costs what it holds.
 */

const { Bulk } = require('./bulk');
const { Bucket, PLANS } = require('./cost');
const { Faults } = require('./faults');
const { KeyTable } = require('./idempotency');
const { need } = require('./input');
const { Journal } = require('./journal');
const { App } = require('./oauth');
const { SearchIndex, parseQuery, MATCH_ALL } = require('./search');

const DEFAULT_SCOPES = ['read_products', 'read_inventory', 'write_inventory', 'read_locations'];
const FIRST_LEVEL_NUMBER = 9001;
const VARIANT_ID_OFFSET = 500000000;
const CACHED_SEARCHES = 64;

function isText(value) {
  return typeof value === 'string' && value !== '';
}

/** What is given of an app's access must make sense. */
function checkAccess(given) {
  for (const name of ['token', 'clientId', 'clientSecret']) {
    need(given[name] === undefined || isText(given[name]), `${name} must be a text`);
  }
  const { tokenLifeS: life } = given;
  need(life === undefined || (Number.isInteger(life) && life > 0), 'tokenLifeS must be an integer above 0');
}

class Location {
  constructor(id, index) {
    this.id = id;
    this.index = index;
    /* The number in level ids belongs to the location, and is not the location's id. */
    this.levelNumber = FIRST_LEVEL_NUMBER + index;
    this.name = '';
    this.isActive = true;
    this.isFulfillmentService = false;
  }
}
Location.prototype.__typename = 'Location';

class Level {
  constructor(item, location) {
    this.item = item;
    this.location = location;
    this.available = 0;
    this.onHand = 0;
    this.committed = 0;
    this.incoming = 0; /* on the way, not on hand */
    this.isActive = true;
    this.updatedMs = 0;
  }

  /** What transfers hold: on hand, and neither available nor committed. */
  get reserved() {
    return this.onHand - this.available - this.committed;
  }

  get canDeactivate() {
    const isFree = this.committed === 0 && this.reserved === 0;
    return this.isActive && (isFree || this.item.levels.some((other) => other?.isActive && other !== this));
  }

  get(name) {
    return name === 'on_hand' ? this.onHand : this.available;
  }

  /** A set of either quantity moves both by the same number. */
  shift(delta) {
    this.available += delta;
    this.onHand += delta;
    this.updatedMs = Date.now();
  }

  quantity(name) {
    switch (name) {
      case 'available':
        return this.available;
      case 'on_hand':
        return this.onHand;
      case 'committed':
        return this.committed;
      case 'reserved':
        return this.reserved;
      case 'incoming':
        return this.incoming;
      case 'damaged':
      case 'safety_stock':
      case 'quality_control':
        return 0;
      default:
        return null;
    }
  }
}
Level.prototype.__typename = 'InventoryLevel';

class Item {
  constructor(id, variantId) {
    this.id = id;
    this.sku = null;
    this.barcode = null;
    this.tracked = true;
    this.trackingLocked = null; /* the reason, as a text */
    this.requiresComponents = false;
    this.levels = [];
    this.createdMs = 0;
    this.updatedMs = 0;
    this.indexedMs = 0;
    this.variant = new Variant(variantId, this);
  }
}
Item.prototype.__typename = 'InventoryItem';

class Variant {
  constructor(id, item) {
    this.id = id;
    this.item = item;
  }
}
Variant.prototype.__typename = 'ProductVariant';

function byId(a, b) {
  return a.id - b.id;
}

const ITEM_FILTERS = new Map([
  ['sku', { kind: 'words', read: (item) => item.sku }],
  ['id', { kind: 'number', read: (item) => item.id }],
  ['created_at', { kind: 'time', read: (item) => item.createdMs }],
  ['updated_at', { kind: 'time', read: (item) => item.updatedMs }],
]);

const VARIANT_FILTERS = new Map([
  ['sku', { kind: 'words', read: (variant) => variant.item.sku }],
  ['barcode', { kind: 'words', read: (variant) => variant.item.barcode }],
  ['id', { kind: 'number', read: (variant) => variant.id }],
  ['updated_at', { kind: 'time', read: (variant) => variant.item.updatedMs }],
]);

/** A list sorted by id that grows at the end in most cases, with its search index and the last searches' results. */
class Collection {
  constructor(filters) {
    this.filters = filters;
    this.index = new SearchIndex(filters);
    this.list = [];
    this.isSorted = true;
    this.found = new Map();
  }

  add(object) {
    if (this.list.length > 0 && this.list[this.list.length - 1].id > object.id) this.isSorted = false;
    this.list.push(object);
    this.touch(object);
  }

  /** The object's words may have changed. */
  touch(object) {
    this.index.add(object);
    this.found.clear();
  }

  remove(objects) {
    const gone = new Set(objects);
    this.list = this.list.filter((object) => !gone.has(object));
    this.index = new SearchIndex(this.filters);
    for (const object of this.list) this.index.add(object);
    this.found.clear();
  }

  sorted() {
    if (!this.isSorted) this.list.sort(byId);
    this.isSorted = true;
    return this.list;
  }

  /** {node, list}: the query as it was understood, and what it finds. Pages of one query share one search. */
  search(text) {
    if (!text) return { node: MATCH_ALL, list: this.sorted() };
    let result = this.found.get(text);
    if (result === undefined) {
      const node = parseQuery(text);
      result = { node, list: this.index.find(node, this.sorted(), byId) };
      if (this.found.size >= CACHED_SEARCHES) this.found.clear();
      this.found.set(text, result);
    }
    return result;
  }
}

function newStats() {
  return {
    requests: {},
    statuses: {},
    faults: {},
    mutations: 0,
    entries: 0,
    pairsApplied: 0,
    noops: 0,
    refused: 0,
    replayed: 0,
    throttled: 0,
    writesToInactive: 0,
    writesToMissing: 0,
    wrongTokens: 0,
    tokensIssued: 0,
    tokensRefused: 0,
    orders: 0,
    connections: {},
  };
}

function planOf(plan) {
  if (typeof plan === 'string') {
    need(Object.hasOwn(PLANS, plan), `unknown plan '${plan}', known: ${Object.keys(PLANS).join(', ')}`);
    return PLANS[plan];
  }
  need(
    plan !== null && plan.restoreRate > 0 && plan.maximumAvailable > 0,
    'plan needs restoreRate and maximumAvailable above 0',
  );
  return plan;
}

class Shop {
  constructor({ name, plan = 'standard', latencyMs = 0, scopes = DEFAULT_SCOPES, domain, ...access }, clock) {
    need(typeof name === 'string' && /^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name), 'name must be letters, digits, - and _');
    checkAccess(access);
    need(isText(access.token) || isText(access.clientId), 'token or clientId is missing');
    need(Array.isArray(scopes), 'scopes must be a list');
    need(Number.isFinite(latencyMs) && latencyMs >= 0, 'latencyMs must not be negative');
    this.name = name;
    this.domain = domain ?? `${name}.myshopify.com`;
    this.app = new App(access, clock);
    this.scopes = scopes;
    this.latencyMs = latencyMs;
    this.clock = clock;
    this.bucket = new Bucket(planOf(plan), performance.now());
    this.keys = new KeyTable();
    this.faults = new Faults();
    this.journal = new Journal();
    this.bulk = new Bulk();
    this.files = null; /* where results of bulk operations lie: the world's */
    this.stats = newStats();
    this.wires = new WeakSet();
    this.searchLagMs = 0;
    this.groupCount = 5000;
    this.grants = new Map();
    this.createdMs = Date.now();
    this.clearCatalogue();
  }

  /** Counts the connections that requests for this shop came on, by HTTP version. */
  noteConnection(wire, protocol) {
    if (this.wires.has(wire)) return;
    this.wires.add(wire);
    this.stats.connections[protocol] = (this.stats.connections[protocol] ?? 0) + 1;
  }

  clearCatalogue() {
    this.locations = new Map();
    this.locationList = [];
    this.locationCount = 0; /* that there ever were: each has its index for good */
    this.transfers = new Map();
    this.items = new Map();
    this.variantOwners = new Map();
    this.itemCollection = new Collection(ITEM_FILTERS);
    this.variantCollection = new Collection(VARIANT_FILTERS);
    this.skuCounts = new Map();
  }

  /** True when the shop's scopes hold one of `anyOf`; a write scope holds its read scope. */
  grantsOne(access) {
    let answer = this.grants.get(access);
    if (answer === undefined) {
      answer = access.anyOf.some(
        (scope) => this.scopes.includes(scope) || this.scopes.includes(scope.replace(/^read_/, 'write_')),
      );
      this.grants.set(access, answer);
    }
    return answer;
  }

  /** Changes members of the app that are given; `revoke` ends the tokens that were handed out. */
  changeApp({ installed, sameOrganisation, revoke = false, scopes, ...access }) {
    checkAccess(access);
    need(scopes === undefined || Array.isArray(scopes), 'scopes must be a list');
    for (const flag of [installed, sameOrganisation, revoke]) {
      need(flag === undefined || typeof flag === 'boolean', 'installed, sameOrganisation, revoke: true or false');
    }
    for (const name of ['token', 'clientId', 'clientSecret', 'tokenLifeS']) {
      if (access[name] !== undefined) this.app[name] = access[name];
    }
    if (installed !== undefined) this.app.isInstalled = installed;
    if (sameOrganisation !== undefined) this.app.isSameOrganisation = sameOrganisation;
    if (revoke) this.app.revoke();
    if (scopes !== undefined) {
      this.scopes = scopes;
      this.grants.clear();
    }
  }

  isIndexed(item) {
    return this.searchLagMs === 0 || item.indexedMs + this.searchLagMs <= this.clock.nowMs();
  }

  /* ---- the catalogue, as the control API gives it ---- */

  loadCatalogue({ locations = [], items = [], remove = [], append = false }) {
    need(Array.isArray(locations) && Array.isArray(items) && Array.isArray(remove), 'locations, items, remove: lists');
    if (!append) this.clearCatalogue();
    for (const location of locations) this.putLocation(location);
    for (const item of items) this.putItem(item);
    this.removeItems(remove);
  }

  putLocation({ id, name, isActive = true, isFulfillmentService = false }) {
    need(Number.isSafeInteger(id), 'a location needs an integer id');
    need(typeof name === 'string', `location ${id} needs a name`);
    let location = this.locations.get(id);
    if (location === undefined) {
      location = new Location(id, this.locationCount++);
      this.locations.set(id, location);
      this.locationList.push(location);
    }
    location.name = name;
    location.isActive = isActive;
    location.isFulfillmentService = isFulfillmentService;
  }

  putItem(given) {
    need(Number.isSafeInteger(given.id), 'an item needs an integer id');
    let item = this.items.get(given.id);
    const isNew = item === undefined;
    if (isNew) item = this.newItem(given.id, given.variantId ?? given.id + VARIANT_ID_OFFSET);
    if (given.sku !== undefined) this.setSku(item, given.sku);
    if (given.barcode !== undefined) item.barcode = given.barcode;
    if (given.tracked !== undefined) item.tracked = given.tracked;
    if (given.trackingLocked !== undefined) item.trackingLocked = given.trackingLocked;
    if (given.requiresComponents !== undefined) item.requiresComponents = given.requiresComponents;
    for (const level of given.levels ?? []) this.putLevel(item, level);
    item.updatedMs = Date.now();
    if (!isNew) {
      this.itemCollection.touch(item);
      this.variantCollection.touch(item.variant);
    }
  }

  newItem(id, variantId) {
    need(!this.variantOwners.has(variantId), `variant ${variantId} is used twice`);
    const item = new Item(id, variantId);
    item.createdMs = Date.now();
    item.indexedMs = this.clock.nowMs();
    this.items.set(id, item);
    this.variantOwners.set(variantId, item);
    this.itemCollection.add(item);
    this.variantCollection.add(item.variant);
    return item;
  }

  setSku(item, sku) {
    if (item.sku !== null) this.countSku(item.sku, -1);
    item.sku = sku;
    if (sku !== null) this.countSku(sku, 1);
  }

  countSku(sku, by) {
    const count = (this.skuCounts.get(sku) ?? 0) + by;
    if (count === 0) this.skuCounts.delete(sku);
    else this.skuCounts.set(sku, count);
  }

  putLevel(item, given) {
    const location = this.locations.get(given.location);
    need(location !== undefined, `item ${item.id} has a level at the unknown location ${given.location}`);
    const level = item.levels[location.index] ?? this.connect(item, location);
    if (given.committed !== undefined) level.committed = given.committed;
    if (given.available !== undefined) {
      level.available = given.available;
      level.onHand = given.on_hand ?? given.available + level.committed + (given.reserved ?? 0);
    } else if (given.on_hand !== undefined) level.onHand = given.on_hand;
    if (given.isActive !== undefined) level.isActive = given.isActive;
    level.updatedMs = Date.now();
  }

  connect(item, location) {
    while (item.levels.length <= location.index) item.levels.push(null);
    return (item.levels[location.index] = new Level(item, location));
  }

  removeItems(ids) {
    const gone = ids.map((id) => this.items.get(id)).filter(Boolean);
    if (gone.length === 0) return;
    for (const item of gone) {
      this.items.delete(item.id);
      this.variantOwners.delete(item.variant.id);
      if (item.sku !== null) this.countSku(item.sku, -1);
    }
    this.itemCollection.remove(gone);
    this.variantCollection.remove(gone.map((item) => item.variant));
  }

  removeLocation(location) {
    this.locations.delete(location.id);
    this.locationList = this.locationList.filter((other) => other !== location);
    for (const item of this.items.values()) {
      if (item.levels[location.index]) item.levels[location.index] = null;
    }
  }

  /* ---- looking up ---- */

  level(item, location) {
    return item.levels[location.index] ?? null;
  }

  findItem({ item: id, sku }) {
    if (id !== undefined) {
      need(this.items.has(id), `unknown item ${id}`);
      return this.items.get(id);
    }
    need(typeof sku === 'string', 'item or sku is missing');
    const found = this.itemCollection.sorted().filter((item) => item.sku === sku);
    need(found.length === 1, `${found.length} items have the sku '${sku}'`);
    return found[0];
  }

  *levels() {
    for (const item of this.itemCollection.sorted()) {
      for (const level of item.levels) if (level) yield level;
    }
  }
}

module.exports = { Shop };
