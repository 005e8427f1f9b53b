'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options) => simulator.newShop(`fault${++shops}`, options);
const available = async (shop) => (await shop.level(4401, 7001)).available;

function stockSet(shop, quantity, key = simulator.nextKey()) {
  const input = { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, quantity)] };
  return shop.send('StockSet', { key, input });
}

const STATUSES = [
  [402, undefined],
  [403, undefined],
  [423, undefined],
  [429, '4.0'],
  [430, undefined],
  [500, undefined],
  [503, 2],
];

for (const [status, retryAfter] of STATUSES) {
  test(`status ${status} answers with a text and executes nothing`, async () => {
    const shop = await newShop();
    await shop.fault({ kind: 'status', status, retryAfter, count: 1 });
    const answer = await stockSet(shop, 1);
    assert.equal(answer.status, status);
    assert.equal(typeof answer.json.errors, 'string');
    assert.equal(answer.headers['retry-after'], retryAfter === undefined ? undefined : String(retryAfter));
    assert.equal(await available(shop), 15);
    assert.equal((await stockSet(shop, 1)).status, 200);
  });
}

test('a redirect names another host', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'status', status: 301, location: 'http://127.0.0.1:9/' });
  const { status, headers } = await stockSet(shop, 1);
  assert.deepEqual([status, headers.location], [301, 'http://127.0.0.1:9/']);
});

test('a 5xx may be HTML, executed or not', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'html_5xx', count: 1 });
  const first = await stockSet(shop, 1);
  assert.equal(first.status, 502);
  assert.match(first.headers['content-type'], /^text\/html/);
  assert.equal(await available(shop), 15);
  await shop.fault({ kind: 'html_5xx', status: 504, executed: true, count: 1 });
  assert.equal((await stockSet(shop, 1)).status, 504);
  assert.equal(await available(shop), 1);
});

test('an internal error is HTTP 200 with its code and without data', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'internal_error', count: 1 });
  const { status, json } = await stockSet(shop, 1);
  assert.equal(status, 200);
  assert.equal(json.errors[0].extensions.code, 'INTERNAL_SERVER_ERROR');
  assert.equal(json.data, undefined);
});

test('a forced throttle looks like a real one', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'throttle', count: 1 });
  const { status, json } = await stockSet(shop, 1);
  assert.equal(status, 200);
  assert.equal(json.errors[0].extensions.code, 'THROTTLED');
  assert.equal(json.extensions.cost.actualQueryCost, null);
  assert.equal((await shop.stats()).throttled, 1);
});

test('a lost token is 401 until the fault is removed', async () => {
  const shop = await newShop();
  const { id } = await shop.fault({ kind: 'auth_lost' });
  assert.equal((await stockSet(shop, 1)).status, 401);
  assert.equal((await stockSet(shop, 1)).status, 401);
  await simulator.control('DELETE', `/shops/${shop.shop}/faults/${id}`);
  assert.equal((await stockSet(shop, 1)).status, 200);
});

test('a reset before execution changes nothing, a reset after it does, and both are seen as a broken connection', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'reset_before', count: 1 });
  await assert.rejects(stockSet(shop, 1), /ECONNRESET|socket hang up/);
  assert.equal(await available(shop), 15);
  await shop.fault({ kind: 'reset_after', count: 1 });
  await assert.rejects(stockSet(shop, 1, 'k'), /ECONNRESET|socket hang up/);
  assert.equal(await available(shop), 1);
  const [before, record] = await shop.journal();
  assert.deepEqual([before.outcome, before.fault], ['unexecuted', 'reset_before']);
  assert.deepEqual([record.outcome, record.fault, record.key], ['applied', 'reset_after', 'k']);
  const again = await stockSet(shop, 1, 'k');
  assert.notEqual(again.json.data.inventorySetQuantities.inventoryAdjustmentGroup, null);
});

for (const [kind, expected] of [
  ['hang', 15],
  ['executed_answer_lost', 1],
]) {
  test(`${kind}: no answer ever comes, the level is ${expected}`, async () => {
    const shop = await newShop();
    await shop.fault({ kind, count: 1 });
    const answer = stockSet(shop, 1);
    const { lastRequest } = simulator;
    await shop.fired(kind);
    assert.equal(await available(shop), expected);
    lastRequest.destroy(new Error('given up'));
    await assert.rejects(answer, /given up/);
  });
}

test('a body that is cut off is executed', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'cut_body', count: 1 });
  await assert.rejects(stockSet(shop, 1));
  assert.equal(await available(shop), 1);
});

test('a slow answer comes late, but is executed at once', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'slow', delayMs: 250, count: 1 });
  const started = Date.now();
  await stockSet(shop, 1);
  assert.ok(Date.now() - started >= 245);
  const [{ at_us, startedAt_us }] = await shop.journal();
  assert.ok(at_us - startedAt_us < 200000);
});

test('a slow execution takes effect late', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'slow_execution', delayMs: 250, count: 1 });
  await stockSet(shop, 1);
  const [{ at_us, startedAt_us }] = await shop.journal();
  assert.ok(at_us - startedAt_us >= 245000);
});

test('answers can come out of order', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'slow', delayMs: 200, count: 1 });
  const order = [];
  const first = stockSet(shop, 1).then(() => order.push('first'));
  await shop.fired('slow');
  await Promise.all([first, stockSet(shop, 2).then(() => order.push('second'))]);
  assert.deepEqual(order, ['second', 'first']);
});

test('latency of the shop delays every execution', async () => {
  const shop = await newShop({ latencyMs: 80 });
  await stockSet(shop, 1);
  const [{ at_us, startedAt_us }] = await shop.journal();
  assert.ok(at_us - startedAt_us >= 75000);
});

test('a code that no schema knows can be injected', async () => {
  const shop = await newShop();
  const field = ['input', 'quantities', '0', 'quantity'];
  await shop.fault({ kind: 'user_error', code: 'NEVER_SEEN', field, operation: 'StockSet', count: 1 });
  const { json } = await stockSet(shop, 1);
  assert.deepEqual(json.data.inventorySetQuantities.inventoryAdjustmentGroup, null);
  assert.deepEqual(json.data.inventorySetQuantities.userErrors[0].code, 'NEVER_SEEN');
  assert.equal(await available(shop), 15);
});

test('a refusal of items names their entries, each in the way that is asked for', async () => {
  const shop = await newShop();
  const quantities = [entry(4401, 7001, 1), entry(4402, 7001, 2), entry(4403, 7001, 3)];
  const fields = async (naming, items = [4401, 4403]) => {
    const { id } = await shop.fault({ kind: 'user_error', code: 'BAD', items, naming, operation: 'StockSet' });
    const { data } = await shop.set(quantities);
    await simulator.control('DELETE', `/shops/${shop.shop}/faults/${id}`);
    return data.inventorySetQuantities.userErrors.map(({ field }) => field?.slice(2) ?? null);
  };
  assert.deepEqual(await fields('text'), [['0', 'inventoryItemId'], ['2', 'inventoryItemId']]);
  assert.deepEqual(await fields('short'), [['0'], ['2']]);
  assert.deepEqual(await fields('beyond'), [['250', 'inventoryItemId'], ['252', 'inventoryItemId']]);
  assert.deepEqual(await fields('nobody'), [null]);
  assert.deepEqual(await fields('number', [4402]), [[1, 'inventoryItemId']]);
  assert.equal(await available(shop), 15);
  assert.deepEqual(await fields('text', [9999]), []);
  assert.equal(await available(shop), 1);
});

test('a refused key is burnt, and the journal says what was asked for', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'user_error', code: 'BAD', items: [4401], count: 1 });
  await stockSet(shop, 1, 'burnt');
  const { json } = await stockSet(shop, 1, 'burnt');
  assert.equal(json.data.inventorySetQuantities.userErrors[0].code, 'IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED');
  const [first] = await shop.journal();
  assert.equal(first.outcome, 'refused');
  assert.equal(first.entries.length, 1);
  const { item, quantity, before } = first.entries[0];
  assert.deepEqual([item, quantity, before], [4401, 1, null]);
});

test('any answer can be given, before or after the execution', async () => {
  const shop = await newShop();
  const body = { errors: [{ message: 'x', extensions: { code: 'ODD' } }] };
  await shop.fault({ kind: 'answer', body, count: 1 });
  assert.deepEqual((await stockSet(shop, 1, 'k')).json, body);
  assert.equal(await available(shop), 15);
  await shop.fault({ kind: 'answer', status: 599, headers: { 'X-Odd': '1' }, body: 'odd', executed: true, count: 1 });
  const { status, headers, text } = await stockSet(shop, 1, 'k');
  assert.deepEqual([status, headers['x-odd'], text], [599, '1', 'odd']);
  assert.equal(await available(shop), 1);
  const journal = await shop.journal();
  assert.deepEqual(journal.map(({ outcome, key }) => [outcome, key]), [['unexecuted', 'k'], ['applied', 'k']]);
});

test('the version header can differ from the URL', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'version', version: '2026-07', count: 1 });
  assert.equal((await stockSet(shop, 1)).headers['x-shopify-api-version'], '2026-07');
});

test('operation, every and count choose the requests that a fault meets', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'status', status: 500, operation: 'inventorySetQuantities', every: 2, count: 2 });
  const statuses = [];
  for (let i = 0; i < 6; i++) {
    assert.equal((await shop.send('StartCheck')).status, 200);
    statuses.push((await stockSet(shop, i)).status);
  }
  assert.deepEqual(statuses, [200, 500, 200, 500, 200, 200]);
});

test('a fault of one shop does not touch another', async () => {
  const one = await newShop();
  const other = await newShop();
  await one.fault({ kind: 'status', status: 500 });
  assert.deepEqual([(await stockSet(one, 1)).status, (await stockSet(other, 1)).status], [500, 200]);
});

test('a fault that makes no sense is refused', async () => {
  const shop = await newShop();
  for (const fault of [
    { kind: 'none' },
    { kind: 'slow' },
    { kind: 'hang', count: 0 },
    { kind: 'user_error' },
    { kind: 'version' },
    { kind: 'answer' },
    { kind: 'status', items: 'all' },
    { kind: 'user_error', code: 'BAD', items: [1], naming: 'loudly' },
  ]) {
    await assert.rejects(shop.fault(fault), /400/, JSON.stringify(fault));
  }
});
