'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { entry, itemId, locationId, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options) => simulator.newShop(`key${++shops}`, options);
const codes = (answer) => answer.data.inventorySetQuantities.userErrors.map(({ code }) => code);

test('the same key with the same parameters is executed once and answered with the same group', async () => {
  const shop = await newShop();
  const first = await shop.set([entry(4401, 7001, 12)], {}, 'k');
  await shop.set([entry(4401, 7001, 30)]);
  const second = await shop.set([entry(4401, 7001, 12)], {}, 'k');
  assert.deepEqual(second.data, first.data);
  assert.equal((await shop.level(4401, 7001)).available, 30);
  assert.deepEqual(
    (await shop.journal()).map(({ outcome }) => outcome),
    ['applied', 'applied', 'replayed'],
  );
});

test('the same key with another quantity, order or name is a parameter mismatch', async () => {
  const shop = await newShop();
  await shop.set([entry(4401, 7001, 12), entry(4402, 7001, 3)], {}, 'k');
  const others = [
    await shop.set([entry(4401, 7001, 13), entry(4402, 7001, 3)], {}, 'k'),
    await shop.set([entry(4402, 7001, 3), entry(4401, 7001, 12)], {}, 'k'),
    await shop.set([entry(4401, 7001, 12), entry(4402, 7001, 3)], { name: 'on_hand' }, 'k'),
  ];
  for (const answer of others) {
    const [error] = answer.data.inventorySetQuantities.userErrors;
    assert.deepEqual([error.code, error.field], ['IDEMPOTENCY_KEY_PARAMETER_MISMATCH', null]);
  }
  assert.equal((await shop.level(4401, 7001)).available, 12);
});

test('a key whose attempt failed is burnt, a new key works', async () => {
  const shop = await newShop();
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 12, 99)], {}, 'k')), ['CHANGE_FROM_QUANTITY_STALE']);
  const again = await shop.set([entry(4401, 7001, 12, 99)], {}, 'k');
  assert.deepEqual(codes(again), ['IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED']);
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 12, 15)])), []);
});

test('a no-op uses its key like a success', async () => {
  const shop = await newShop();
  await shop.set([entry(4401, 7001, 15)], {}, 'k');
  await shop.set([entry(4401, 7001, 14)]);
  assert.equal(
    (await shop.set([entry(4401, 7001, 15)], {}, 'k')).data.inventorySetQuantities.inventoryAdjustmentGroup,
    null,
  );
  assert.equal((await shop.level(4401, 7001)).available, 14);
});

test('a key is forgotten after 24 hours, not before', async () => {
  const shop = await newShop();
  await shop.set([entry(4401, 7001, 12)], {}, 'k');
  await shop.set([entry(4401, 7001, 30)]);
  await simulator.control('POST', '/clock', { advanceMs: 24 * 3600 * 1000 - 60000 });
  await shop.set([entry(4401, 7001, 12)], {}, 'k');
  assert.equal((await shop.level(4401, 7001)).available, 30);
  await simulator.control('POST', '/clock', { advanceMs: 60001 });
  await shop.set([entry(4401, 7001, 12)], {}, 'k');
  assert.equal((await shop.level(4401, 7001)).available, 12);
});

test('a second request while the first with its key is executed meets CONCURRENT', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'slow_execution', delayMs: 300, count: 1 });
  const first = shop.set([entry(4401, 7001, 12)], {}, 'k');
  await shop.fired('slow_execution');
  const second = await shop.set([entry(4401, 7001, 12)], {}, 'k');
  assert.deepEqual(codes(second), ['IDEMPOTENCY_CONCURRENT_REQUEST']);
  assert.deepEqual(codes(await first), []);
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 12)], {}, 'k')), []);
  assert.deepEqual(
    (await shop.journal()).map(({ outcome }) => outcome),
    ['refused', 'applied', 'replayed'],
  );
});

test('two requests with one key under latency: the later one meets CONCURRENT, also when it ends later', async () => {
  const shop = await newShop({ latencyMs: 60 });
  const answers = await Promise.all([1, 2].map(() => shop.set([entry(4401, 7001, 12)], {}, 'k')));
  assert.deepEqual(answers.map(codes).flat(), ['IDEMPOTENCY_CONCURRENT_REQUEST']);
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 12)], {}, 'k')), []);
});

test('THROTTLED does not use up the key', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'throttle', count: 1 });
  const throttled = await shop.set([entry(4401, 7001, 12)], {}, 'k');
  assert.equal(throttled.errors[0].extensions.code, 'THROTTLED');
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 12)], {}, 'k')), []);
  const [first] = await shop.journal();
  assert.deepEqual([first.outcome, first.key], ['throttled', 'k']);
});

test('shops have key tables of their own', async () => {
  const one = await newShop();
  const other = await newShop();
  await one.set([entry(4401, 7001, 12)], {}, 'k');
  assert.deepEqual(codes(await other.set([entry(4401, 7001, 99)], {}, 'k')), []);
});

test('the key of an activation is remembered too', async () => {
  const shop = await newShop();
  const variables = { item: itemId(4403), location: locationId(7001), available: 5, key: 'k' };
  await shop.ask('LevelActivate', variables);
  const again = (await shop.ask('LevelActivate', variables)).data.inventoryActivate;
  assert.deepEqual([again.inventoryLevel.isActive, again.userErrors], [true, []]);
  const other = (await shop.ask('LevelActivate', { ...variables, available: 6 })).data.inventoryActivate;
  assert.equal(other.inventoryLevel, null);
  assert.equal(other.userErrors.length, 1);
});
