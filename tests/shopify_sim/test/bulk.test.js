'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { useSimulator } = require('./harness');

const FOLDER = path.join(__dirname, '..', '..', '..', 'schemas', 'graphql');
const read = (name) => fs.readFileSync(path.join(FOLDER, `${name}.graphql`), 'utf8');
const QUERY = read('bulk_variants');
const LEVELS = `{ inventoryItems { edges { node { id sku inventoryLevels(includeInactive: true) { edges { node {
  id isActive location { id } quantities(names: ["available"]) { name quantity } } } } } } } }`;

const simulator = useSimulator(test);
let shops = 0;
const newShop = () => simulator.newShop(`bulk${++shops}`);

async function start(shop, query) {
  const answer = await shop.ask(read('bulk_start'), { query });
  return answer.data.bulkOperationRunQuery;
}

async function finish(shop, id) {
  for (;;) {
    const { bulkOperation } = (await shop.ask(read('bulk_poll'), { id })).data;
    if (!['CREATED', 'RUNNING'].includes(bulkOperation.status)) return bulkOperation;
  }
}

async function linesOf(url) {
  const answer = await fetch(url);
  assert.equal(answer.status, 200);
  return (await answer.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

test('a bulk query ends with a file of lines on another host', async () => {
  const shop = await newShop();
  const { bulkOperation, userErrors } = await start(shop, QUERY);
  assert.deepEqual(userErrors, []);
  const ended = await finish(shop, bulkOperation.id);
  assert.deepEqual([ended.status, ended.objectCount], ['COMPLETED', '4']);
  assert.notEqual(new URL(ended.url).port, String(simulator.port));
  const lines = await linesOf(ended.url);
  assert.deepEqual(lines.map(({ sku }) => sku).sort(), ['ABC-1', 'ABC-2', 'ABC-3', 'KIT-1']);
  assert.deepEqual(Object.keys(lines[0]), ['id', 'sku', 'barcode', 'requiresComponents', 'inventoryItem']);
});

test('children name their parents, inactive levels come when they are asked for', async () => {
  const shop = await newShop();
  const { bulkOperation } = await start(shop, LEVELS);
  const { url, objectCount } = await finish(shop, bulkOperation.id);
  const lines = await linesOf(url);
  assert.equal(lines.length, Number(objectCount));
  const items = lines.filter((line) => line.__parentId === undefined);
  const levels = lines.filter((line) => line.__parentId !== undefined);
  assert.equal(items.length, 4);
  assert.equal(levels.length, 4);
  assert.equal(levels.filter(({ isActive }) => !isActive).length, 1);
  for (const { __parentId } of levels) assert.ok(items.some(({ id }) => id === __parentId));
});

test('nothing found: no file', async () => {
  const shop = await newShop();
  await simulator.control('POST', `/shops/${shop.shop}/catalogue`, { locations: [], items: [] });
  const { bulkOperation } = await start(shop, QUERY);
  const ended = await finish(shop, bulkOperation.id);
  assert.deepEqual([ended.status, ended.objectCount, ended.url], ['COMPLETED', '0', null]);
});

test('a failed one has a part of its result at most', async () => {
  const shop = await newShop();
  await simulator.control('POST', `/shops/${shop.shop}/bulk`, { status: 'FAILED' });
  const { bulkOperation } = await start(shop, QUERY);
  const ended = await finish(shop, bulkOperation.id);
  assert.deepEqual([ended.status, ended.errorCode, ended.url], ['FAILED', 'INTERNAL_SERVER_ERROR', null]);
});

test('a query that does not fit the schema and a sixth one are refused', async () => {
  const shop = await newShop();
  assert.equal((await start(shop, '{ productVariants { edges { node { skuu } } } }')).userErrors[0].code, 'INVALID');
  assert.equal((await start(shop, 'no query')).userErrors[0].code, 'INVALID');
  for (let i = 0; i < 5; i++) assert.deepEqual((await start(shop, QUERY)).userErrors, []);
  assert.equal((await start(shop, QUERY)).userErrors[0].code, 'OPERATION_IN_PROGRESS');
});

test('a file can be cut once and refused', async () => {
  const shop = await newShop();
  await simulator.control('POST', `/shops/${shop.shop}/bulk`, { cuts: 1 });
  const cut = await finish(shop, (await start(shop, QUERY)).bulkOperation.id);
  await assert.rejects(linesOf(cut.url));
  assert.equal((await linesOf(cut.url)).length, 4);
  await simulator.control('POST', `/shops/${shop.shop}/bulk`, { fileStatus: 403 });
  const refused = await finish(shop, (await start(shop, QUERY)).bulkOperation.id);
  assert.equal((await fetch(refused.url)).status, 403);
});

test('variants are counted up to a limit', async () => {
  const shop = await newShop();
  const count = async (text) => (await shop.ask(text, {})).data.productVariantsCount;
  assert.deepEqual(await count(read('variants_count')), { count: 4 });
  assert.deepEqual(await count('{ productVariantsCount(limit: 3) { count precision } }'), {
    count: 3,
    precision: 'AT_LEAST',
  });
});
