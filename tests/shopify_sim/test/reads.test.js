'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { itemId, locationId, useSimulator } = require('./harness');
const { parseQuery } = require('../lib/search');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options, catalogue) => simulator.newShop(`read${++shops}`, options, catalogue);

test('levels by id come in the order of the ids: active, inactive, never connected, unknown', async () => {
  const shop = await newShop();
  const ids = [4401, 4402, 4403, 99].map(itemId);
  const { nodes } = (await shop.ask('LevelsRead', { ids, location: locationId(7001) })).data;
  assert.equal(nodes[3], null);
  assert.deepEqual(nodes[2], { id: itemId(4403), sku: 'ABC-3', tracked: false, inventoryLevel: null });
  const { quantities, ...level } = nodes[0].inventoryLevel;
  assert.deepEqual(level, { id: 'gid://shopify/InventoryLevel/9001?inventory_item_id=4401', isActive: true });
  assert.deepEqual(
    quantities.map(({ name, quantity }) => [name, quantity]),
    [
      ['available', 15],
      ['on_hand', 18],
      ['committed', 3],
    ],
  );
  assert.match(quantities[0].updatedAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(quantities[1].updatedAt, null);
  const inactive = (await shop.ask('LevelsRead', { ids: [itemId(4402)], location: locationId(7003) })).data.nodes[0];
  assert.equal(inactive.inventoryLevel.isActive, false);
  assert.equal(inactive.inventoryLevel.quantities[0].quantity, 7);
});

test('an inactive level is hidden unless it is asked for', async () => {
  const shop = await newShop();
  const text = `{ inventoryItem(id: "${itemId(4402)}") {
    inventoryLevel(locationId: "${locationId(7003)}") { id }
    active: inventoryLevels(first: 5) { edges { node { location { id } } } }
    all: inventoryLevels(first: 5, includeInactive: true) { nodes { location { id } } } } }`;
  const { inventoryItem } = (await shop.ask(text)).data;
  assert.equal(inventoryItem.inventoryLevel, null);
  assert.deepEqual(
    inventoryItem.active.edges.map(({ node }) => node.location.id),
    [locationId(7001)],
  );
  assert.deepEqual(
    inventoryItem.all.nodes.map((node) => node.location.id),
    [7001, 7003].map(locationId),
  );
});

test('more than 250 ids and pages over 250 are refused', async () => {
  const shop = await newShop();
  const ids = Array.from({ length: 251 }, (_, i) => itemId(i));
  const many = await shop.ask('LevelsRead', { ids, location: locationId(7001) });
  assert.equal(many.errors[0].extensions.code, 'MAX_INPUT_SIZE_EXCEEDED');
  assert.equal(many.data, undefined);
  for (const page of ['first: 251', 'first: 0', '']) {
    const answer = await shop.ask(`{ inventoryItems${page && `(${page})`} { nodes { id } } }`);
    assert.equal(answer.errors[0].extensions.code, 'BAD_REQUEST', page);
  }
});

test('locations come by name, closed ones only when asked for', async () => {
  const shop = await newShop();
  const { locations } = (await shop.ask('Locations')).data;
  assert.deepEqual(locations.nodes, [
    { id: locationId(7003), name: 'Annex', isActive: true, isFulfillmentService: false, fulfillsOnlineOrders: true },
    {
      id: locationId(7002),
      name: 'Closed depot',
      isActive: false,
      isFulfillmentService: false,
      fulfillsOnlineOrders: false,
    },
    {
      id: locationId(7001),
      name: 'Shop location',
      isActive: true,
      isFulfillmentService: false,
      fulfillsOnlineOrders: true,
    },
  ]);
  assert.equal(locations.pageInfo.hasNextPage, false);
  const open = (await shop.ask('{ locations(first: 1) { nodes { name } pageInfo { hasNextPage endCursor } } }')).data
    .locations;
  assert.deepEqual([open.nodes[0].name, open.pageInfo.hasNextPage], ['Annex', true]);
  const rest = await shop.ask(`{ locations(first: 9, after: "${open.pageInfo.endCursor}") { nodes { name } } }`);
  assert.deepEqual(
    rest.data.locations.nodes.map(({ name }) => name),
    ['Shop location'],
  );
});

test('the start check names scopes, versions and the shop', async () => {
  const shop = await newShop({ scopes: ['write_inventory', 'read_products'] });
  const { data } = await shop.ask('StartCheck');
  assert.deepEqual(
    data.currentAppInstallation.accessScopes.map(({ handle }) => handle),
    ['read_inventory', 'write_inventory', 'read_products'],
  );
  assert.ok(data.publicApiVersions.some(({ handle, supported }) => handle === '2026-10' && supported));
  assert.equal(data.shop.myshopifyDomain, `${shop.shop}.myshopify.com`);
});

/* ---- paging ---- */

function numbered(count) {
  const items = Array.from({ length: count }, (_, i) => ({ id: 10 + i, sku: `S${i}`, levels: [] }));
  return { locations: [{ id: 1, name: 'L' }], items };
}

test('pages follow each other without gap or repetition, forwards, backwards and reversed', async () => {
  const shop = await newShop({}, numbered(23));
  const walk = async (step) => {
    const seen = [];
    let cursor = '';
    for (;;) {
      const { inventoryItems } = (
        await shop.ask(`{ inventoryItems(${step(cursor)}) { nodes { id }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }`)
      ).data;
      const { pageInfo, nodes } = inventoryItems;
      const ids = nodes.map(({ id }) => Number(id.split('/').pop()));
      const isBackward = step('').startsWith('last');
      seen.push(...(isBackward ? ids.reverse() : ids));
      if (!(isBackward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage)) return seen;
      cursor = isBackward ? `, before: "${pageInfo.startCursor}"` : `, after: "${pageInfo.endCursor}"`;
    }
  };
  const rising = Array.from({ length: 23 }, (_, i) => 10 + i);
  const falling = [...rising].reverse();
  assert.deepEqual(await walk((cursor) => `first: 5${cursor}`), rising);
  assert.deepEqual(await walk((cursor) => `first: 5, reverse: true${cursor}`), falling);
  assert.deepEqual(await walk((cursor) => `last: 5${cursor}`), falling);
  assert.deepEqual(await walk((cursor) => `last: 5, reverse: true${cursor}`), rising);
});

test('pages stay right while the catalogue grows before the cursor', async () => {
  const shop = await newShop({}, numbered(4));
  const first = (await shop.ask('{ inventoryItems(first: 2) { nodes { id } pageInfo { endCursor } } }')).data
    .inventoryItems;
  await simulator.control('POST', `/shops/${shop.shop}/catalogue`, { append: true, items: [{ id: 5, sku: 'early' }] });
  const text = `{ inventoryItems(first: 9, after: "${first.pageInfo.endCursor}") { nodes { id } } }`;
  assert.deepEqual(
    (await shop.ask(text)).data.inventoryItems.nodes.map(({ id }) => id),
    [12, 13].map(itemId),
  );
});

/* ---- search ---- */

const SKUS = [
  'ABC-1',
  'abc-1',
  'ABC-1-RED',
  'ABC-10',
  'XYZ',
  "O'Neil 5",
  'A"B',
  'back\\slash',
  'DUP',
  'DUP',
  'paren(1)',
];

function searchable() {
  const items = SKUS.map((sku, i) => ({ id: 100 + i, sku, barcode: `40000${i}`, levels: [] }));
  return { locations: [], items };
}

async function search(shop, q) {
  const answer = await shop.ask('VariantsBySku', { q });
  assert.equal(answer.errors, undefined);
  return {
    skus: answer.data.productVariants.nodes.map(({ sku }) => sku),
    about: answer.extensions.search?.[0],
    answer,
  };
}

const SEARCHES = [
  ['a SKU finds near matches, without case', "sku:'ABC-1'", ['ABC-1', 'abc-1', 'ABC-1-RED']],
  ['double quotes', 'sku:"xyz"', ['XYZ']],
  ['bare words', 'sku:xyz', ['XYZ']],
  ['OR', "sku:'XYZ' OR sku:'ABC-10'", ['ABC-10', 'XYZ']],
  ['AND by default', "sku:'ABC-1' sku:red", ['ABC-1-RED']],
  ['NOT and brackets', "sku:abc NOT (sku:'abc-1' OR sku:xyz)", ['ABC-10']],
  ['minus', "sku:abc -sku:'abc-1'", ['ABC-10']],
  ['a prefix', 'sku:ABC-1*', ['ABC-1', 'abc-1', 'ABC-1-RED', 'ABC-10']],
  ['an escaped quote', "sku:'O\\'Neil 5'", ["O'Neil 5"]],
  ['a quote inside the other quote', `sku:'A"B'`, ['A"B']],
  ['a backslash', "sku:'back\\\\slash'", ['back\\slash']],
  ['escaped brackets', 'sku:paren\\(1\\)', ['paren(1)']],
  ['a barcode', 'barcode:400004', ['XYZ']],
  ['words without a field', 'xyz', ['XYZ']],
  ['an id', 'id:>=500000109 sku:*dup*', ['DUP']],
  ['nothing', "sku:'NOT THERE'", []],
  ['a dangling OR', "sku:'XYZ' OR", ['XYZ']],
  ['a stray bracket', "(sku:'XYZ'", ['XYZ']],
  ['a closing bracket', "sku:'XYZ')", ['XYZ']],
  ['an open quote', "sku:'XYZ", ['XYZ']],
  ['an empty query', '', SKUS],
];

for (const [name, q, expected] of SEARCHES) {
  test(`search: ${name}`, async () => {
    const shop = await newShop({}, searchable());
    assert.deepEqual((await search(shop, q)).skus, expected);
  });
}

test('an unknown filter matches everything and warns', async () => {
  const shop = await newShop({}, searchable());
  const { skus, about } = await search(shop, "skuu:'ABC-1'");
  assert.deepEqual(skus, SKUS);
  assert.deepEqual(about.path, ['productVariants']);
  assert.equal(about.query, "skuu:'ABC-1'");
  assert.deepEqual(about.parsed, { field: 'skuu', match_phrase: 'ABC-1' });
  assert.deepEqual([about.warnings[0].field, about.warnings[0].code], ['skuu', 'invalid_field']);
  assert.deepEqual((await search(shop, "skuu:'X' OR sku:'XYZ'")).skus, SKUS);
});

test('extensions.search without warnings comes with a good search', async () => {
  const shop = await newShop({}, searchable());
  const { about } = await search(shop, 'sku:xyz');
  assert.equal(about.warnings, undefined);
});

test('duplicate SKUs are found both, and count each other', async () => {
  const shop = await newShop({}, searchable());
  const { answer } = await search(shop, "sku:'DUP'");
  const counts = answer.data.productVariants.nodes.map(({ inventoryItem }) => inventoryItem.duplicateSkuCount);
  assert.deepEqual(counts, [1, 1]);
});

test('new variants are readable by id at once and found by search later', async () => {
  const shop = await newShop({}, searchable());
  await simulator.control('POST', `/shops/${shop.shop}/search`, { lagMs: 12000 });
  await simulator.control('POST', '/clock', { advanceMs: 12000 });
  const added = { append: true, items: [{ id: 900, sku: 'NEW-1' }] };
  await simulator.control('POST', `/shops/${shop.shop}/catalogue`, added);
  assert.deepEqual((await search(shop, "sku:'NEW-1'")).skus, []);
  assert.equal((await search(shop, '')).skus.length, SKUS.length);
  assert.equal((await shop.ask(`{ inventoryItem(id: "${itemId(900)}") { sku } }`)).data.inventoryItem.sku, 'NEW-1');
  await simulator.control('POST', '/clock', { advanceMs: 12000 });
  assert.deepEqual((await search(shop, "sku:'NEW-1'")).skus, ['NEW-1']);
});

test('a changed SKU is found by its new words only, a removed item not at all', async () => {
  const shop = await newShop({}, searchable());
  assert.deepEqual((await search(shop, 'sku:xyz')).skus, ['XYZ']);
  const url = `/shops/${shop.shop}/catalogue`;
  await simulator.control('POST', url, { append: true, items: [{ id: 104, sku: 'RENAMED' }] });
  assert.deepEqual([(await search(shop, 'sku:xyz')).skus, (await search(shop, 'sku:renamed')).skus], [[], ['RENAMED']]);
  await simulator.control('POST', url, { append: true, remove: [104] });
  assert.deepEqual((await search(shop, 'sku:renamed')).skus, []);
  assert.equal((await shop.ask(`{ inventoryItem(id: "${itemId(104)}") { sku } }`)).data.inventoryItem, null);
});

test('no query makes the parser fail', () => {
  const pieces = ["'", '"', '\\', '(', ')', ':', '-', 'OR', 'AND', 'NOT', ' ', 'sku', '>', '*', 'a'];
  let seed = 7;
  for (let round = 0; round < 5000; round++) {
    let text = '';
    for (let i = 0; i < 12; i++) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      text += pieces[seed % pieces.length];
    }
    assert.doesNotThrow(() => parseQuery(text), text);
  }
});
