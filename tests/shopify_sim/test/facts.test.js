'use strict';

/*
 * The facts about Shopify that the consumer relies on, one row each: it says the fact in our words and shows that the
 * simulator keeps to it. Sources are Shopify's schema and pages, and public recordings of live shops. Whoever learns
 * something new about Shopify adds a row first.
 */

const test = require('node:test');
const assert = require('node:assert/strict');
const { DOCUMENTS, entry, itemId, locationId, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options, catalogue) => simulator.newShop(`facts${++shops}`, options, catalogue);

/* ---- asking ---- */

function happen(shop, kind, what) {
  return simulator.control('POST', `/shops/${shop.shop}/${kind}`, what);
}

const order = (shop, action, item, location, quantity, more = {}) =>
  happen(shop, 'orders', { action, item, location, quantity, ...more });

/** [available, committed, reserved, on_hand] of a level. */
async function numbers(shop, item, location) {
  const { available, committed, reserved, on_hand: onHand } = await shop.level(item, location);
  return [available, committed, reserved, onHand];
}

/** The level as the API shows it, inactive ones included. */
async function seen(shop, item, location) {
  const text = `query($item: ID!, $location: ID!) { inventoryItem(id: $item) {
    inventoryLevel(locationId: $location, includeInactive: true) {
      isActive canDeactivate quantities(names: ["available", "on_hand", "committed", "reserved"]) { name quantity } } } }`;
  const answer = await shop.ask(text, { item: itemId(item), location: locationId(location) });
  assert.equal(answer.errors, undefined);
  const level = answer.data.inventoryItem.inventoryLevel;
  if (level === null) return null;
  return { ...level, ...Object.fromEntries(level.quantities.map(({ name, quantity }) => [name, quantity])) };
}

async function activate(shop, item, location, quantities, key = simulator.nextKey()) {
  const answer = await shop.ask('LevelActivate', {
    item: itemId(item),
    location: locationId(location),
    key,
    ...quantities,
  });
  const { inventoryLevel, userErrors } = answer.data.inventoryActivate;
  const available = inventoryLevel?.quantities.find(({ name }) => name === 'available').quantity;
  return { inventoryLevel, userErrors, available, cost: answer.extensions.cost };
}

function setCodes(answer) {
  const { inventoryAdjustmentGroup, userErrors } = answer.data.inventorySetQuantities;
  if (userErrors.length > 0) assert.equal(inventoryAdjustmentGroup, null);
  return userErrors.map(({ code, field }) => [code, field === null ? null : field.join('.')]);
}

/** The code of a top-level error, and whether there was data and a cost. */
function topLevel(answer) {
  return [answer.errors[0].extensions.code, answer.data, answer.extensions?.cost !== undefined];
}

async function bulkStart(shop, query) {
  const text = `mutation($query: String!) { bulkOperationRunQuery(query: $query, groupObjects: false) {
    bulkOperation { id status } userErrors { code field message } } }`;
  return (await shop.ask(text, { query })).data.bulkOperationRunQuery;
}

async function bulkEnd(shop, id) {
  const text = `query($id: ID!) { bulkOperation(id: $id) {
    status errorCode objectCount rootObjectCount fileSize url partialDataUrl } }`;
  for (;;) {
    const { bulkOperation } = (await shop.ask(text, { id })).data;
    if (!['CREATED', 'RUNNING'].includes(bulkOperation.status)) return bulkOperation;
  }
}

async function bulkCodes(shop, query) {
  const { bulkOperation, userErrors } = await bulkStart(shop, query);
  if (userErrors.length > 0) assert.equal(bulkOperation, null);
  return userErrors.map(({ code }) => code);
}

const LEVELS = '{ inventoryItems { edges { node { id inventoryLevels { edges { node { id } } } } } } }';

/** A shop of `count` items with one level each. */
function many(count) {
  const items = Array.from({ length: count }, (_, i) => ({
    id: 1000 + i,
    sku: `S-${i}`,
    levels: [{ location: 1, available: 0 }],
  }));
  return newShop({}, { locations: [{ id: 1, name: 'L' }], items });
}

/** One item at two open locations. */
function twoLocations(first, second) {
  return newShop(
    {},
    {
      locations: [
        { id: 1, name: 'first' },
        { id: 2, name: 'second' },
      ],
      items: [
        {
          id: 10,
          sku: 'S',
          levels: [
            { location: 1, ...first },
            { location: 2, ...second },
          ],
        },
      ],
    },
  );
}

/* ---- what a set is refused for ---- */

const SET_REFUSALS = [
  ['another number is stored', [entry(4401, 7001, 1, 14)], {}, ['CHANGE_FROM_QUANTITY_STALE', '0.changeFromQuantity']],
  ['an unknown item', [entry(9999, 7001, 1)], {}, ['INVALID_INVENTORY_ITEM', '0.inventoryItemId']],
  ['an unknown location', [entry(4401, 9999, 1)], {}, ['INVALID_LOCATION', '0.locationId']],
  ['on_hand below 0', [entry(4401, 7001, -1)], { name: 'on_hand' }, ['INVALID_QUANTITY_NEGATIVE', '0.quantity']],
  ['more than a billion', [entry(4401, 7001, 1000000001)], {}, ['INVALID_QUANTITY_TOO_HIGH', '0.quantity']],
  ['less than minus a billion', [entry(4401, 7001, -1000000001)], {}, ['INVALID_QUANTITY_TOO_LOW', '0.quantity']],
  ['the parent of a bundle', [entry(4404, 7001, 1)], {}, ['NON_MUTABLE_INVENTORY_ITEM', '0.inventoryItemId']],
  ['another name', [entry(4401, 7001, 1)], { name: 'reserved' }, ['INVALID_NAME', 'name']],
  ['another reason', [entry(4401, 7001, 1)], { reason: 'because' }, ['INVALID_REASON', 'reason']],
  [
    'a document without scheme',
    [entry(4401, 7001, 1)],
    { referenceDocumentUri: 'batch' },
    ['INVALID_REFERENCE_DOCUMENT', 'referenceDocumentUri'],
  ],
];

const SET_FACTS = SET_REFUSALS.map(([what, entries, members, [code, field]]) => ({
  fact: `a set is refused as a whole for ${what}: ${code}`,
  async show(shop) {
    const place = /^\d/.test(field) ? `input.quantities.${field}` : `input.${field}`;
    assert.deepEqual(setCodes(await shop.set(entries, members)), [[code, place]]);
    assert.deepEqual(await numbers(shop, 4401, 7001), [15, 3, 0, 18]);
  },
}));

SET_FACTS.push(
  {
    fact: 'a pair that is there twice is named at each of its entries',
    async show(shop) {
      const code = 'NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR';
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 1), entry(4402, 7001, 1), entry(4401, 7001, 2)])), [
        [code, 'input.quantities.0.locationId'],
        [code, 'input.quantities.2.locationId'],
      ]);
    },
  },
  {
    fact: 'a key is known by its parameters, and a failed one is burnt',
    async show(shop) {
      await shop.set([entry(4401, 7001, 1, 15)], {}, 'used');
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 2, 15)], {}, 'used')), [
        ['IDEMPOTENCY_KEY_PARAMETER_MISMATCH', null],
      ]);
      await shop.set([entry(4401, 7001, 2, 99)], {}, 'failed');
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 2, 99)], {}, 'failed')), [
        ['IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED', null],
      ]);
    },
  },
  {
    fact: 'a key that is still being executed is answered as concurrent',
    async show(shop) {
      await shop.fault({ kind: 'slow_execution', delayMs: 300, count: 1 });
      const first = shop.set([entry(4401, 7001, 1, 15)], {}, 'k');
      await shop.fired('slow_execution');
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 1, 15)], {}, 'k')), [
        ['IDEMPOTENCY_CONCURRENT_REQUEST', null],
      ]);
      assert.deepEqual(setCodes(await first), []);
    },
  },
  {
    fact: 'available may be a billion below zero, both names a billion above',
    async show(shop) {
      for (const [quantity, name] of [
        [-1000000000, 'available'],
        [1000000000, 'available'],
        [1000000000, 'on_hand'],
        [0, 'on_hand'],
      ]) {
        assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, quantity)], { name })), []);
      }
    },
  },
);

/* ---- shapes ---- */

const SHAPE_FACTS = [
  {
    fact: 'nothing to change: no group and no errors',
    async show(shop) {
      const answer = await shop.set([entry(4401, 7001, 15, 15)]);
      assert.deepEqual(answer.data.inventorySetQuantities, { inventoryAdjustmentGroup: null, userErrors: [] });
    },
  },
  {
    fact: 'no directive: BAD_REQUEST with null data',
    async show(shop) {
      const text = DOCUMENTS.StockSet.replace(' @idempotent(key: $key)', '').replace(', $key: String!', '');
      const input = { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, 1)] };
      assert.deepEqual(topLevel(await shop.ask(text, { input })), [
        'BAD_REQUEST',
        { inventorySetQuantities: null },
        true,
      ]);
    },
  },
  {
    fact: 'no changeFromQuantity: INVALID_FIELD_ARGUMENTS that names no index',
    async show(shop) {
      const { changeFromQuantity: _, ...without } = entry(4401, 7001, 1);
      const answer = await shop.set([without]);
      assert.deepEqual(topLevel(answer), ['INVALID_FIELD_ARGUMENTS', { inventorySetQuantities: null }, true]);
      assert.deepEqual(answer.errors[0].path, ['inventorySetQuantities']);
    },
  },
  {
    fact: 'an unknown member: INVALID_VARIABLE that echoes the variable, without data and cost',
    async show(shop) {
      const answer = await shop.set([], { ignoreCompareQuantity: true });
      assert.deepEqual(topLevel(answer), ['INVALID_VARIABLE', undefined, false]);
      assert.equal(answer.errors[0].extensions.value.ignoreCompareQuantity, true);
    },
  },
  {
    fact: 'throttled: HTTP 200 without data and without Retry-After',
    options: { plan: { restoreRate: 0.001, maximumAvailable: 10 } },
    async show(shop) {
      await shop.set([entry(4401, 7001, 1)]);
      const input = { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, 2)] };
      const { status, headers, json } = await shop.send('StockSet', { key: 'k', input });
      assert.deepEqual(
        [status, headers['retry-after'], ...topLevel(json)],
        [200, undefined, 'THROTTLED', undefined, true],
      );
    },
  },
  {
    fact: 'a missing scope: ACCESS_DENIED, the field is null',
    options: { scopes: ['read_products', 'read_inventory', 'read_locations'] },
    async show(shop) {
      const answer = await shop.set([entry(4401, 7001, 1)]);
      assert.deepEqual(topLevel(answer), ['ACCESS_DENIED', { inventorySetQuantities: null }, true]);
    },
  },
  {
    fact: 'levels come in the order of the ids: active, inactive with its numbers, never connected, unknown',
    async show(shop) {
      const read = async (location, ...items) =>
        (await shop.ask('LevelsRead', { ids: items.map(itemId), location: locationId(location) })).data.nodes;
      const [first, , third, fourth] = await read(7001, 4401, 4402, 4403, 9999);
      const { quantities } = first.inventoryLevel;
      assert.deepEqual(
        quantities.map(({ name, quantity, updatedAt }) => [name, quantity, updatedAt === null]),
        [
          ['available', 15, false],
          ['on_hand', 18, true],
          ['committed', 3, true],
        ],
      );
      assert.deepEqual([third.tracked, third.inventoryLevel, fourth], [false, null, null]);
      const [inactive] = await read(7003, 4402);
      assert.deepEqual([inactive.inventoryLevel.isActive, inactive.inventoryLevel.quantities[0].quantity], [false, 7]);
    },
  },
  {
    fact: 'an unknown filter: every row, no error, a warning',
    async show(shop) {
      const answer = await shop.ask('VariantsBySku', { q: "skuu:'ABC-1'" });
      assert.deepEqual([answer.errors, answer.data.productVariants.nodes.length], [undefined, 4]);
      assert.equal(answer.extensions.search[0].warnings[0].code, 'invalid_field');
    },
  },
  {
    fact: 'outside HTTP 200 the errors are a text; a wait may be decimal',
    async show(shop) {
      const wrong = await shop.send('StartCheck', {}, { 'X-Shopify-Access-Token': 'wrong' });
      assert.deepEqual([wrong.status, typeof wrong.json.errors], [401, 'string']);
      await shop.fault({ kind: 'status', status: 429, retryAfter: '4.0', count: 1 });
      const busy = await shop.send('StartCheck');
      assert.deepEqual([busy.status, busy.headers['retry-after'], typeof busy.json.errors], [429, '4.0', 'string']);
    },
  },
];

/* ---- numbers in flight ---- */

const NUMBER_FACTS = [
  {
    fact: 'an order takes from available, its fulfilment from on_hand, a cancelled one gives back',
    async show(shop) {
      await order(shop, 'place', 4401, 7001, 5);
      assert.deepEqual(await numbers(shop, 4401, 7001), [10, 8, 0, 18]);
      await order(shop, 'fulfil', 4401, 7001, 4);
      assert.deepEqual(await numbers(shop, 4401, 7001), [10, 4, 0, 14]);
      await order(shop, 'cancel', 4401, 7001, 1);
      assert.deepEqual(await numbers(shop, 4401, 7001), [11, 3, 0, 14]);
    },
  },
  {
    fact: 'a set of either name moves both by the same number',
    async show(shop) {
      await shop.set([entry(4401, 7001, 12, 15)]);
      assert.deepEqual(await numbers(shop, 4401, 7001), [12, 3, 0, 15]);
      await shop.set([entry(4401, 7001, 20, 15)], { name: 'on_hand' });
      assert.deepEqual(await numbers(shop, 4401, 7001), [17, 3, 0, 20]);
    },
  },
  {
    fact: 'an order makes available stale, not on_hand; null compares nothing',
    async show(shop) {
      await order(shop, 'place', 4401, 7001, 1);
      const [[code]] = setCodes(await shop.set([entry(4401, 7001, 20, 15)]));
      assert.equal(code, 'CHANGE_FROM_QUANTITY_STALE');
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 19, 18)], { name: 'on_hand' })), []);
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 3, null)])), []);
    },
  },
  {
    fact: 'one stale entry fails its whole batch',
    async show(shop) {
      assert.equal(setCodes(await shop.set([entry(4401, 7001, 1, 15), entry(4402, 7001, 1, 5)])).length, 1);
      assert.deepEqual(await numbers(shop, 4401, 7001), [15, 3, 0, 18]);
    },
  },
  {
    fact: 'on_hand is available, committed and reserved; incoming is outside',
    async show() {
      const shop = await twoLocations({ available: 5 }, { available: 0 });
      const { id } = await happen(shop, 'transfers', {
        action: 'ready',
        item: 10,
        location: 1,
        destination: 2,
        quantity: 2,
      });
      await order(shop, 'place', 10, 1, 1);
      assert.deepEqual(await numbers(shop, 10, 1), [2, 1, 2, 5]);
      await happen(shop, 'transfers', { action: 'ship', id });
      assert.deepEqual(await numbers(shop, 10, 1), [2, 1, 0, 3]);
      assert.deepEqual([await numbers(shop, 10, 2), (await shop.level(10, 2)).incoming], [[0, 0, 0, 0], 2]);
      await happen(shop, 'transfers', { action: 'receive', id });
      assert.deepEqual([await numbers(shop, 10, 2), (await shop.level(10, 2)).incoming], [[2, 0, 0, 2], 0]);
    },
  },
];

/* ---- activation and tracking ---- */

const ACTIVATION_FACTS = [
  {
    fact: 'a quantity is an error at an active level, which comes with it; without one it is none',
    async show(shop) {
      const given = await activate(shop, 4402, 7001, { available: 50 });
      assert.deepEqual([given.userErrors[0].field, given.available], [['available'], 4]);
      assert.deepEqual((await activate(shop, 4402, 7001, {})).userErrors, []);
    },
  },
  {
    fact: 'both quantities: two errors, no level, 10 points instead of 11',
    async show(shop) {
      const { userErrors, inventoryLevel, cost } = await activate(shop, 4402, 7003, { available: 1, onHand: 1 });
      assert.deepEqual([userErrors.map(({ field }) => field[0]), inventoryLevel], [['available', 'onHand'], null]);
      assert.equal(cost.actualQueryCost, 10);
      assert.equal((await activate(shop, 4402, 7003, {})).cost.actualQueryCost, 11);
    },
  },
  {
    fact: 'a level that was active before comes back with its old numbers',
    async show(shop) {
      const { available, userErrors } = await activate(shop, 4402, 7003, { available: 50 });
      assert.deepEqual([available, userErrors], [7, []]);
    },
  },
  {
    fact: 'a level that was never connected is null, one that was switched off is not active',
    async show(shop) {
      assert.equal(await seen(shop, 4403, 7001), null);
      assert.equal((await seen(shop, 4402, 7003)).isActive, false);
    },
  },
  {
    fact: 'tracking may be locked',
    async show(shop) {
      await simulator.control('POST', `/shops/${shop.shop}/catalogue`, {
        append: true,
        items: [{ id: 4403, trackingLocked: 'another app does' }],
      });
      const { inventoryItem, userErrors } = (await shop.ask('ItemTrack', { id: itemId(4403) })).data
        .inventoryItemUpdate;
      assert.deepEqual([inventoryItem.tracked, userErrors[0].message], [false, 'another app does']);
    },
  },
];

/* ---- bulk operations ---- */

const inner = (name, rest = '') => `${name} { edges { node { id ${rest} } } }`;

const BULK_REFUSALS = [
  ['nodes instead of edges', '{ inventoryItems { nodes { id } } }', /must select 'edges'/],
  ['nodes further down', `{ ${inner('inventoryItems', 'inventoryLevels { nodes { id } }')} }`, /must select 'edges'/],
  ['more than edges', '{ inventoryItems { edges { node { id } } pageInfo { hasNextPage } } }', /must select 'edges'/],
  ['more than the node of an edge', '{ inventoryItems { edges { cursor node { id } } } }', /must select 'node'/],
  ['no connection', '{ shop { id } }', /at least one/],
  [
    'six connections',
    `{ ${'abcdef'.replace(/./g, (alias) => `${alias}: ${inner('inventoryItems')} `)} }`,
    /more than 5/,
  ],
  [
    'connections three deep below the first',
    `{ ${inner('products', inner('variants', inner('metafields', `definition { ${inner('metafields')} }`)))} }`,
    /nested deeper/,
  ],
  ['node at the top', `{ node(id: "${itemId(4401)}") { id } ${inner('inventoryItems')} }`, /at the top/],
  ['nodes at the top', `{ nodes(ids: ["${itemId(4401)}"]) { id } ${inner('inventoryItems')} }`, /at the top/],
  [
    'a parent without its id',
    `{ inventoryItems { edges { node { sku ${inner('inventoryLevels')} } } } }`,
    /without an alias/,
  ],
  [
    'a parent with an alias for its id',
    `{ inventoryItems { edges { node { key: id ${inner('inventoryLevels')} } } } }`,
    /without an alias/,
  ],
  [
    'a connection inside a list',
    `{ orders { edges { node { id fulfillments { id ${inner('fulfillmentLineItems')} } } } } }`,
    /inside a list/,
  ],
  ['a text that does not fit the schema', '{ inventoryItems { edges { node { skuu } } } }', /skuu/],
  [
    'a mutation',
    `mutation { locationActivate(locationId: "${locationId(7001)}") @idempotent(key: "k") { location { id } } }`,
    /one query/,
  ],
];

const BULK_FACTS = BULK_REFUSALS.map(([what, query, message]) => ({
  fact: `a bulk query is INVALID with ${what}`,
  async show(shop) {
    const { bulkOperation, userErrors } = await bulkStart(shop, query);
    assert.deepEqual([bulkOperation, userErrors.length, userErrors[0].code], [null, 1, 'INVALID']);
    assert.match(userErrors[0].message, message);
  },
}));

BULK_FACTS.push(
  {
    fact: 'five connections, two of them below another, are accepted; five run at a time',
    async show(shop) {
      const deep = inner('products', inner('variants', inner('metafields')));
      assert.deepEqual(await bulkCodes(shop, `{ ${deep} a: ${inner('products')} b: ${inner('products')} }`), []);
      for (let i = 0; i < 4; i++) assert.deepEqual(await bulkCodes(shop, LEVELS), []);
      assert.deepEqual(await bulkCodes(shop, LEVELS), ['OPERATION_IN_PROGRESS']);
    },
  },
  {
    fact: 'children are lines of their own that name their parents; the file is on another host and asks for no token',
    async show(shop) {
      const { bulkOperation } = await bulkStart(shop, LEVELS);
      const { status, url, objectCount, rootObjectCount } = await bulkEnd(shop, bulkOperation.id);
      assert.deepEqual([status, objectCount, rootObjectCount], ['COMPLETED', '7', '4']);
      assert.notEqual(new URL(url).port, String(simulator.port));
      const lines = (await (await fetch(url)).text()).trim().split('\n').map(JSON.parse);
      const children = lines.filter(({ __parentId }) => __parentId !== undefined);
      assert.deepEqual([lines.length, children.length], [7, 3]);
      for (const { id, __parentId } of children) assert.ok(id.endsWith(`=${__parentId.split('/').pop()}`));
    },
  },
  {
    fact: 'an empty result has no address, a failed one may have a part',
    async show(shop) {
      await simulator.control('POST', `/shops/${shop.shop}/bulk`, { status: 'FAILED' });
      const failed = await bulkEnd(shop, (await bulkStart(shop, LEVELS)).bulkOperation.id);
      assert.deepEqual([failed.status, failed.url, failed.partialDataUrl !== null], ['FAILED', null, true]);
      const empty = await newShop({}, { locations: [], items: [] });
      const ended = await bulkEnd(empty, (await bulkStart(empty, LEVELS)).bulkOperation.id);
      assert.deepEqual([ended.status, ended.url, ended.objectCount], ['COMPLETED', null, '0']);
    },
  },
);

/* ---- recordings of live shops ---- */

const RECORDED_FACTS = [
  {
    fact: 'a set itself names unknown items and locations',
    async show(shop) {
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 1), entry(9999, 9999, 1)])), [
        ['INVALID_INVENTORY_ITEM', 'input.quantities.1.inventoryItemId'],
        ['INVALID_LOCATION', 'input.quantities.1.locationId'],
      ]);
    },
  },
  {
    fact: 'too long a list never comes with data',
    async show(shop) {
      const entries = Array.from({ length: 251 }, (_, i) => entry(1000 + i, 7001, 1));
      const changes = entries.map(({ quantity, ...rest }) => ({ ...rest, delta: quantity }));
      const input = { name: 'available', reason: 'correction' };
      for (const answer of [
        await shop.set(entries),
        await shop.ask('StockAdjust', { key: 'k', input: { ...input, changes } }),
        await shop.ask('LevelsRead', { ids: entries.map((one) => one.inventoryItemId), location: locationId(7001) }),
      ]) {
        assert.equal(answer.errors[0].extensions.code, 'MAX_INPUT_SIZE_EXCEEDED');
        assert.equal('data' in answer, false);
      }
    },
  },
  {
    fact: 'an id that is not global is no variable, wherever it stands, and nothing is executed',
    async show(shop) {
      for (const id of ['4401', 4401, '', 'gid:4401', 'gid://shopify/4401', 'Z2lkOi8v']) {
        const location = locationId(7001);
        for (const answer of [
          await shop.ask('LevelsRead', { ids: [itemId(4401), id], location }),
          await shop.ask('LevelsRead', { ids: [itemId(4401)], location: id }),
          await shop.ask('ItemTrack', { id }),
          await shop.set([{ ...entry(4401, 7001, 1), inventoryItemId: id }]),
        ]) {
          assert.deepEqual(topLevel(answer), ['INVALID_VARIABLE', undefined, false]);
        }
      }
      const literal = await shop.ask('{ inventoryItem(id: "4401") { sku } }');
      assert.equal(literal.errors[0].extensions.code, 'argumentLiteralsIncompatible');
      assert.deepEqual(await numbers(shop, 4401, 7001), [15, 3, 0, 18]);
    },
  },
  {
    fact: 'a bulk operation is not found under an id of another type, and null under an unknown one',
    async show(shop) {
      const poll = (id) => shop.ask('query($id: ID!) { bulkOperation(id: $id) { status } }', { id });
      assert.deepEqual(topLevel(await poll(itemId(6001))), ['RESOURCE_NOT_FOUND', { bulkOperation: null }, true]);
      const unknown = await poll('gid://shopify/BulkOperation/6999');
      assert.deepEqual([unknown.errors, unknown.data.bulkOperation], [undefined, null]);
    },
  },
  {
    fact: 'activation gives an untracked item nothing, a tracked one what was asked for: track first',
    async show(shop) {
      const untracked = await activate(shop, 4403, 7001, { available: 9 });
      assert.deepEqual([untracked.userErrors, untracked.inventoryLevel.isActive, untracked.available], [[], true, 0]);
      await shop.ask('ItemTrack', { id: itemId(4403) });
      assert.deepEqual(await numbers(shop, 4403, 7001), [0, 0, 0, 0]);
      const tracked = await activate(shop, 4403, 7003, { available: 9 });
      assert.deepEqual([tracked.userErrors, tracked.available], [[], 9]);
    },
  },
  {
    fact: 'a location that closes with a destination moves its stock: 9 and 5 are 14',
    async show() {
      const shop = await twoLocations({ available: 9, committed: 1 }, { available: 5 });
      await happen(shop, 'locations', { action: 'close', location: 1, destination: 2 });
      assert.deepEqual(await numbers(shop, 10, 2), [14, 1, 0, 15]);
      const { isActive, available } = await seen(shop, 10, 1);
      assert.deepEqual([isActive, available], [false, 0]);
      const { nodes } = (await shop.ask('Locations')).data.locations;
      assert.deepEqual(
        nodes.map((location) => location.isActive),
        [false, true],
      );
      assert.deepEqual((await shop.journal()).length, 0);
    },
  },
  {
    fact: 'the level of a deleted location is null, without an error; a set there names the location',
    async show() {
      const shop = await twoLocations({ available: 9 }, { available: 5 });
      await happen(shop, 'locations', { action: 'delete', location: 1 });
      assert.deepEqual([await seen(shop, 10, 1), await shop.level(10, 1)], [null, null]);
      assert.deepEqual(setCodes(await shop.set([entry(10, 1, 3)])), [
        ['INVALID_LOCATION', 'input.quantities.0.locationId'],
      ]);
      assert.deepEqual(await numbers(shop, 10, 2), [5, 0, 0, 5]);
    },
  },
  {
    fact: 'a transfer that is ready lowers available like a sale: 5 to 3, 2 reserved, 5 on hand',
    async show() {
      const shop = await twoLocations({ available: 5 }, { available: 0 });
      const ready = { action: 'ready', item: 10, location: 1, destination: 2, quantity: 2 };
      const { id } = await happen(shop, 'transfers', ready);
      const { available, committed, reserved, on_hand: onHand } = await seen(shop, 10, 1);
      assert.deepEqual([available, committed, reserved, onHand], [3, 0, 2, 5]);
      await happen(shop, 'transfers', { action: 'cancel', id });
      assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 0, 5]);
    },
  },
  {
    fact: 'an order on an empty level gives available below zero; units come from where they are',
    async show() {
      const shop = await twoLocations({ available: 0 }, { available: 5 });
      await order(shop, 'place', 10, 1, 2);
      assert.deepEqual(await numbers(shop, 10, 1), [-2, 2, 0, 0]);
      const { location } = await happen(shop, 'orders', { action: 'place', item: 10, quantity: 2 });
      assert.deepEqual([location, await numbers(shop, 10, 2)], [2, [3, 2, 0, 5]]);
    },
  },
  {
    fact: 'a level with committed or reserved units is switched off only beside another active one',
    async show() {
      const shop = await twoLocations({ available: 5, committed: 1 }, { available: 0, reserved: 3 });
      assert.equal((await seen(shop, 10, 1)).canDeactivate, true);
      await happen(shop, 'levels', { action: 'deactivate', item: 10, location: 1 });
      assert.deepEqual([(await seen(shop, 10, 1)).isActive, (await seen(shop, 10, 2)).canDeactivate], [false, false]);
      await assert.rejects(happen(shop, 'levels', { action: 'deactivate', item: 10, location: 2 }), /no other level/);
    },
  },
  {
    fact: 'a variable that is left out is an argument that is not there',
    async show(shop) {
      await shop.ask('ItemTrack', { id: itemId(4403) });
      const { userErrors, available } = await activate(shop, 4403, 7001, { onHand: 6 });
      assert.deepEqual([userErrors, available], [[], 6]);
      const text = `mutation($item: ID!, $location: ID!, $from: Int) {
        inventorySetQuantities(input: {name: "available", reason: "correction", quantities: [
          {inventoryItemId: $item, locationId: $location, quantity: 1, changeFromQuantity: $from}]}) @idempotent(key: "k") {
        userErrors { code } } }`;
      const variables = { item: itemId(4401), location: locationId(7001) };
      assert.equal((await shop.ask(text, variables)).errors[0].extensions.code, 'INVALID_FIELD_ARGUMENTS');
      assert.deepEqual(setCodes(await shop.ask(text, { ...variables, from: null })), []);
    },
  },
  {
    fact: 'a key mismatch may come with a filled payload',
    async show(shop) {
      const code = 'IDEMPOTENCY_KEY_PARAMETER_MISMATCH';
      await shop.fault({ kind: 'user_error', code, filled: true, count: 1 });
      const answer = (await shop.set([entry(4401, 7001, 1)])).data.inventorySetQuantities;
      assert.deepEqual([answer.userErrors[0].code, typeof answer.inventoryAdjustmentGroup.id], [code, 'string']);
      assert.deepEqual(await numbers(shop, 4401, 7001), [15, 3, 0, 18]);
    },
  },
  {
    fact: 'a key need not protect: then a delta is applied twice, a compared set is not',
    async show(shop) {
      await shop.fault({ kind: 'forget_key' });
      const { quantity: _, ...pair } = entry(4402, 7001, 0);
      const input = { name: 'available', reason: 'correction', changes: [{ ...pair, delta: -1 }] };
      for (let sent = 0; sent < 2; sent++) await shop.ask('StockAdjust', { key: 'delta', input });
      assert.deepEqual(await numbers(shop, 4402, 7001), [2, 0, 0, 2]);
      assert.deepEqual(setCodes(await shop.set([entry(4401, 7001, 12, 15)], {}, 'set')), []);
      const [[code]] = setCodes(await shop.set([entry(4401, 7001, 12, 15)], {}, 'set'));
      assert.equal(code, 'CHANGE_FROM_QUANTITY_STALE');
    },
  },
  {
    fact: 'read and write scopes are listed each',
    options: { scopes: ['write_inventory', 'read_products', 'read_locations'] },
    async show(shop) {
      const { accessScopes } = (await shop.ask('StartCheck')).data.currentAppInstallation;
      const handles = accessScopes.map(({ handle }) => handle).sort();
      assert.deepEqual(handles, ['read_inventory', 'read_locations', 'read_products', 'write_inventory']);
    },
  },
  {
    fact: 'the cost block and the version header may be absent',
    async show(shop) {
      const usual = await shop.send('StartCheck');
      assert.equal(usual.headers['x-shopify-api-version'], '2026-10');
      assert.ok(usual.json.extensions.cost);
      await shop.fault({ kind: 'no_cost' });
      await shop.fault({ kind: 'no_version' });
      const bare = await shop.send('StartCheck');
      assert.equal('x-shopify-api-version' in bare.headers, false);
      assert.deepEqual(Object.keys(bare.json), ['data']);
    },
  },
  {
    fact: 'a mutation costs 10 points for 1 or for 250 levels',
    async show() {
      const shop = await many(250);
      for (const count of [1, 250]) {
        const entries = Array.from({ length: count }, (_, i) => entry(1000 + i, 1, count));
        const { requestedQueryCost, actualQueryCost } = (await shop.set(entries)).extensions.cost;
        assert.deepEqual([requestedQueryCost, actualQueryCost], [10, 10]);
      }
    },
  },
  {
    fact: 'ids of items and locations are plain numbers; one with a query part is another one',
    async show(shop) {
      const { nodes } = (await shop.ask('VariantsBySku', { q: '' })).data.productVariants;
      for (const { inventoryItem } of nodes) assert.match(inventoryItem.id, /^gid:\/\/shopify\/InventoryItem\/\d+$/);
      const odd = { ...entry(4401, 7001, 1), inventoryItemId: `${itemId(4401)}?a=b` };
      assert.equal(setCodes(await shop.set([odd]))[0][0], 'INVALID_INVENTORY_ITEM');
    },
  },
  {
    fact: 'a set at an inactive level succeeds and is not there',
    async show(shop) {
      assert.deepEqual(setCodes(await shop.set([entry(4402, 7003, 50, 7)])), []);
      assert.deepEqual([(await seen(shop, 4402, 7003)).available, (await shop.stats()).writesToInactive], [7, 1]);
    },
  },
  {
    fact: 'a shipment that the shop hears of late is taken off twice from on_hand',
    async show(shop) {
      await order(shop, 'place', 4401, 7001, 1); /* Odoo ships it, and its number reaches the shop first */
      await shop.set([entry(4401, 7001, 17, 18)], { name: 'on_hand' });
      await order(shop, 'fulfil', 4401, 7001, 1);
      assert.equal((await shop.level(4401, 7001)).on_hand, 16);
    },
  },
  {
    fact: 'an order is fulfilled from another location than it was placed at',
    async show() {
      const shop = await twoLocations({ available: 5 }, { available: 5 });
      await order(shop, 'place', 10, 1, 2);
      await order(shop, 'move', 10, 1, 2, { to: 2 });
      await order(shop, 'fulfil', 10, 2, 2);
      assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 0, 5]);
      assert.deepEqual(await numbers(shop, 10, 2), [3, 0, 0, 3]);
    },
  },
  {
    fact: 'a person and another app change a level without us; a compared set meets it',
    async show(shop) {
      await happen(shop, 'edits', { sku: 'ABC-1', location: 7001, quantity: 100 });
      assert.deepEqual(await numbers(shop, 4401, 7001), [100, 3, 0, 103]);
      await happen(shop, 'edits', { item: 4401, location: 7001, name: 'on_hand', quantity: 50 });
      await happen(shop, 'edits', { item: 4401, location: 7001, delta: -7 });
      assert.deepEqual(await numbers(shop, 4401, 7001), [40, 3, 0, 43]);
      assert.equal(setCodes(await shop.set([entry(4401, 7001, 12, 15)]))[0][0], 'CHANGE_FROM_QUANTITY_STALE');
    },
  },
];

const FACTS = {
  'refused sets': SET_FACTS,
  shapes: SHAPE_FACTS,
  'numbers in flight': NUMBER_FACTS,
  'activation and tracking': ACTIVATION_FACTS,
  'bulk operations': BULK_FACTS,
  'recordings of live shops': RECORDED_FACTS,
};

for (const [topic, rows] of Object.entries(FACTS)) {
  for (const { fact, options, show } of rows) {
    test(`${topic}: ${fact}`, async () => show(await newShop(options)));
  }
}
