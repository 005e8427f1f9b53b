'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { Bucket, PLANS } = require('../lib/cost');
const { CATALOGUE, entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options, catalogue) => simulator.newShop(`cost${++shops}`, options, catalogue);

test('a bucket restores with time, up to its maximum, and is taken by what is accepted', () => {
  const bucket = new Bucket(PLANS.standard, 0);
  for (let i = 0; i < 200; i++) assert.equal(bucket.take(10, 0), true);
  assert.equal(bucket.take(10, 0), false);
  assert.equal(bucket.take(10, 99), false);
  assert.equal(bucket.take(10, 100), true);
  bucket.giveBack(4, 100);
  assert.equal(bucket.available(100), 4);
  assert.equal(bucket.available(1000000), 2000);
  assert.equal(bucket.charged, 2006);
  assert.equal(bucket.restored + bucket.unused, 100000);
});

const PLAN_NUMBERS = [
  ['standard', 100, 2000],
  ['advanced', 200, 4000],
  ['plus', 1000, 20000],
  ['enterprise', 2000, 40000],
];

for (const [plan, restoreRate, maximumAvailable] of PLAN_NUMBERS) {
  test(`plan ${plan}: ${restoreRate} points a second, at most ${maximumAvailable}`, async () => {
    const shop = await newShop({ plan });
    const { throttleStatus } = (await shop.set([entry(4401, 7001, 1)])).extensions.cost;
    assert.deepEqual([throttleStatus.restoreRate, throttleStatus.maximumAvailable], [restoreRate, maximumAvailable]);
    assert.ok(throttleStatus.currentlyAvailable <= maximumAvailable);
  });
}

test('an empty bucket answers THROTTLED with HTTP 200, without data, and executes nothing', async () => {
  const shop = await newShop({ plan: { restoreRate: 0.001, maximumAvailable: 15 } });
  await shop.set([entry(4401, 7001, 1)]);
  const variables = {
    key: 'k',
    input: { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, 2)] },
  };
  const { status, headers, json } = await shop.send('StockSet', variables);
  assert.equal(status, 200);
  assert.equal(headers['retry-after'], undefined);
  assert.deepEqual(json, {
    errors: [
      {
        message: 'Throttled',
        extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' },
      },
    ],
    extensions: {
      cost: {
        requestedQueryCost: 10,
        actualQueryCost: null,
        throttleStatus: { maximumAvailable: 15, currentlyAvailable: 5, restoreRate: 0.001 },
      },
    },
  });
  assert.equal((await shop.level(4401, 7001)).available, 1);
  const stats = await shop.stats();
  assert.deepEqual([stats.throttled, stats.points.charged], [1, 10]);
  assert.deepEqual(
    (await shop.journal()).map(({ outcome }) => outcome),
    ['applied', 'throttled'],
  );
});

test('a refused set is charged like an accepted one', async () => {
  const shop = await newShop({ plan: { restoreRate: 0.001, maximumAvailable: 100 } });
  const answer = await shop.set([entry(9, 7001, 1)]);
  assert.equal(answer.extensions.cost.actualQueryCost, 10);
  assert.equal(answer.extensions.cost.throttleStatus.currentlyAvailable, 90);
});

test('pages of 1, 5, 10 and 250 flat nodes request 3, 5, 7 and 13 points', async () => {
  const items = Array.from({ length: 300 }, (_, i) => ({ id: 1 + i, sku: `S${i}` }));
  const shop = await newShop({}, { locations: [], items });
  for (const [first, points] of [
    [1, 3],
    [5, 5],
    [10, 7],
    [250, 13],
  ]) {
    const { cost } = (await shop.ask(`{ inventoryItems(first: ${first}) { nodes { id sku } } }`)).extensions;
    assert.deepEqual([cost.requestedQueryCost, cost.actualQueryCost], [points, points]);
    const byVariable = await shop.ask('query($n: Int) { inventoryItems(first: $n) { edges { node { id } } } }', {
      n: first,
    });
    assert.equal(byVariable.extensions.cost.requestedQueryCost, points);
  }
});

test('a page that finds less is charged less', async () => {
  const shop = await newShop();
  const { cost } = (await shop.ask('{ productVariants(first: 250) { nodes { inventoryItem { id } } } }')).extensions;
  assert.ok(cost.actualQueryCost < cost.requestedQueryCost, JSON.stringify(cost));
});

test('reading levels by id costs the same for any number of ids', async () => {
  const shop = await newShop();
  const costs = [];
  for (const count of [1, 3, 250]) {
    const ids = Array.from({ length: count }, (_, i) => `gid://shopify/InventoryItem/${4401 + i}`);
    const answer = await shop.ask('LevelsRead', { ids, location: 'gid://shopify/Location/7001' });
    costs.push(answer.extensions.cost.actualQueryCost);
  }
  assert.equal(new Set(costs).size, 1);
});

test('a document over 1000 points is MAX_COST_EXCEEDED without data and cost', async () => {
  const shop = await newShop();
  const level =
    'inventoryLevels(first: 250) { nodes { location { id } item { variants(first: 250) { nodes { id } } } } }';
  const answer = await shop.ask(`{ inventoryItems(first: 250) { nodes { id ${level} } } }`);
  assert.deepEqual(Object.keys(answer), ['errors']);
  const { code, cost, maxCost } = answer.errors[0].extensions;
  assert.deepEqual([code, maxCost, cost > 1000], ['MAX_COST_EXCEEDED', 1000, true]);
});

test('numbers of the cost block arrive as integers and as decimals', async () => {
  const shop = await newShop({ plan: { restoreRate: 1, maximumAvailable: 2000 } });
  const variables = { ids: [], location: 'gid://shopify/Location/7001' };
  const read = async () => (await shop.send('LevelsRead', variables)).text;
  assert.match(await read(), /"maximumAvailable":2000\.0,"currentlyAvailable":\d+,"restoreRate":1\.0/);
  await shop.fault({ kind: 'integer_cost', count: 1 });
  assert.match(await read(), /"maximumAvailable":2000,"currentlyAvailable":\d+,"restoreRate":1}/);
  await shop.fault({ kind: 'decimal_cost', count: 1 });
  assert.match(await read(), /"maximumAvailable":2000\.0,"currentlyAvailable":\d+\.0,"restoreRate":1\.0/);
  await shop.fault({ kind: 'no_cost', count: 1 });
  assert.equal(JSON.parse(await read()).extensions, undefined);
});

test('the stats say how much of the budget was used', async () => {
  const shop = await newShop({}, CATALOGUE);
  await shop.set([entry(4401, 7001, 1)]);
  await shop.set([entry(4401, 7001, 2)]);
  const { points, pairsApplied, requests } = await shop.stats();
  assert.deepEqual([points.charged, pairsApplied, requests.StockSet], [20, 2, 2]);
  assert.ok(points.restored >= 0 && points.unused > 0);
});
