'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { itemId, locationId, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options) => simulator.newShop(`adjust${++shops}`, options);

function change(item, location, delta, changeFromQuantity = null) {
  return { inventoryItemId: itemId(item), locationId: locationId(location), delta, changeFromQuantity };
}

function adjust(shop, changes, members = {}, key = simulator.nextKey()) {
  return shop.ask('StockAdjust', { key, input: { name: 'available', reason: 'correction', changes, ...members } });
}

function payload(answer) {
  return answer.data.inventoryAdjustQuantities;
}

/** Errors as [code, field joined]. */
function codes(answer) {
  return payload(answer).userErrors.map(({ code, field }) => [code, field === null ? null : field.join('.')]);
}

async function numbers(shop, item, location) {
  const { available, on_hand: onHand, committed } = await shop.level(item, location);
  return { available, onHand, committed };
}

test('a delta moves available and on_hand for 10 points, whatever the level held', async () => {
  const shop = await newShop();
  const answer = await adjust(shop, [change(4401, 7001, -4), change(4402, 7001, 6)]);
  assert.deepEqual(payload(answer), {
    inventoryAdjustmentGroup: { id: 'gid://shopify/InventoryAdjustmentGroup/5001' },
    userErrors: [],
  });
  assert.deepEqual([answer.extensions.cost.requestedQueryCost, answer.extensions.cost.actualQueryCost], [10, 10]);
  assert.deepEqual(await numbers(shop, 4401, 7001), { available: 11, onHand: 14, committed: 3 });
  assert.deepEqual(await numbers(shop, 4402, 7001), { available: 10, onHand: 10, committed: 0 });
});

test('a delta meets the number of its moment: a sale between the decision and the write is kept', async () => {
  const shop = await newShop();
  await simulator.control('POST', `/shops/${shop.shop}/orders`, {
    action: 'place',
    item: 4401,
    location: 7001,
    quantity: 2,
  });
  assert.deepEqual(codes(await adjust(shop, [change(4401, 7001, -1)])), []);
  assert.deepEqual(await numbers(shop, 4401, 7001), { available: 12, onHand: 17, committed: 5 });
});

test('the journal shows it like a set, with its own name and the delta', async () => {
  const shop = await newShop();
  await adjust(shop, [change(4401, 7001, -4, 15), change(4402, 7001, 0)], {}, 'k');
  const [record] = await shop.journal();
  const { operation, operationName, key, name, reason, outcome } = record;
  assert.deepEqual(
    [operation, operationName, key, name, reason, outcome],
    ['inventoryAdjustQuantities', 'StockAdjust', 'k', 'available', 'correction', 'applied'],
  );
  assert.deepEqual(record.entries, [
    { item: 4401, location: 7001, quantity: 11, changeFrom: 15, before: 15, after: 11, delta: -4 },
    { item: 4402, location: 7001, quantity: 4, changeFrom: null, before: 4, after: 4, delta: 0 },
  ]);
});

test('changeFromQuantity must be there, and may be null', async () => {
  const shop = await newShop();
  const { changeFromQuantity: _, ...without } = change(4401, 7001, 1);
  const refused = await adjust(shop, [change(4402, 7001, 2), without]);
  assert.equal(refused.errors[0].extensions.code, 'INVALID_FIELD_ARGUMENTS');
  assert.match(refused.errors[0].message, /InventoryChangeInput.*changeFromQuantity/);
  assert.deepEqual(refused.data, { inventoryAdjustQuantities: null });
  assert.equal((await shop.level(4402, 7001)).available, 4);
});

test('without the directive, and with a blank key, it is refused as BAD_REQUEST', async () => {
  const shop = await newShop();
  const input = { name: 'available', reason: 'correction', changes: [change(4401, 7001, 1)] };
  const answer = await shop.ask(
    `mutation($input: InventoryAdjustQuantitiesInput!) { inventoryAdjustQuantities(input: $input) { userErrors { code } } }`,
    { input },
  );
  assert.equal(answer.errors[0].extensions.code, 'BAD_REQUEST');
  assert.deepEqual(answer.data, { inventoryAdjustQuantities: null });
  assert.equal((await adjust(shop, input.changes, {}, ' ')).errors[0].extensions.code, 'BAD_REQUEST');
  assert.equal((await shop.level(4401, 7001)).available, 15);
});

test('one bad entry, and nothing is changed', async () => {
  const shop = await newShop();
  const bad = [
    change(4401, 7001, 1, 99),
    change(4402, 7001, 5),
    change(9999, 7001, 1),
    change(4401, 7999, 1),
    change(4404, 7001, 1),
    { ...change(4402, 7001, 1), ledgerDocumentUri: 'gid://stocksync/Line/1' },
    change(4402, 7001, 2147483647),
    change(9998, 7001, 1500000000),
    change(9999, 7001, 1500000000),
  ];
  const answer = await adjust(shop, bad);
  assert.equal(payload(answer).inventoryAdjustmentGroup, null);
  assert.deepEqual(codes(answer), [
    ['CHANGE_FROM_QUANTITY_STALE', 'input.changes.0.changeFromQuantity'],
    ['INVALID_INVENTORY_ITEM', 'input.changes.2.inventoryItemId'],
    ['INVALID_LOCATION', 'input.changes.3.locationId'],
    ['NON_MUTABLE_INVENTORY_ITEM', 'input.changes.4.inventoryItemId'],
    ['INVALID_AVAILABLE_DOCUMENT', 'input.changes.5.ledgerDocumentUri'],
    ['INVALID_QUANTITY_TOO_HIGH', 'input.changes.6.delta'],
    ['INVALID_INVENTORY_ITEM', 'input.changes.7.inventoryItemId'],
    ['INVALID_INVENTORY_ITEM', 'input.changes.8.inventoryItemId'],
  ]);
  assert.equal((await shop.level(4402, 7001)).available, 4);
  assert.equal((await shop.level(4401, 7001)).available, 15);
});

test('on_hand follows from the others and is not adjusted; wrong reason and reference are named', async () => {
  const shop = await newShop();
  const entries = [change(4401, 7001, 1)];
  assert.deepEqual(codes(await adjust(shop, entries, { name: 'on_hand' })), [['INVALID_QUANTITY_NAME', 'input.name']]);
  assert.deepEqual(codes(await adjust(shop, entries, { reason: 'whim', referenceDocumentUri: 'x' })), [
    ['INVALID_REASON', 'input.reason'],
    ['INVALID_REFERENCE_DOCUMENT', 'input.referenceDocumentUri'],
  ]);
  const other = await adjust(shop, entries, { name: 'damaged' });
  assert.equal(other.errors[0].extensions.code, 'NOT_SIMULATED');
});

test('a key is executed once, and is burnt by a refusal', async () => {
  const shop = await newShop();
  const entries = [change(4401, 7001, -1)];
  await adjust(shop, entries, {}, 'once');
  assert.deepEqual(codes(await adjust(shop, entries, {}, 'once')), []);
  assert.equal((await shop.level(4401, 7001)).available, 14);
  assert.deepEqual(codes(await adjust(shop, [change(4401, 7001, -2)], {}, 'once')), [
    ['IDEMPOTENCY_KEY_PARAMETER_MISMATCH', null],
  ]);
  await adjust(shop, [change(4401, 7001, 1, 99)], {}, 'burnt');
  assert.deepEqual(codes(await adjust(shop, [change(4401, 7001, 1, 99)], {}, 'burnt')), [
    ['IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED', null],
  ]);
});

test('deltas of one pair add up', async () => {
  const shop = await newShop();
  assert.deepEqual(codes(await adjust(shop, [change(4401, 7001, -1), change(4401, 7001, -2)])), []);
  const [record] = await shop.journal();
  assert.deepEqual(
    record.entries.map(({ before, after }) => [before, after]),
    [
      [15, 14],
      [14, 12],
    ],
  );
});

test('an inactive or missing level takes no delta, without an error', async () => {
  const shop = await newShop();
  assert.deepEqual(codes(await adjust(shop, [change(4402, 7003, 5), change(4403, 7001, 5)])), []);
  assert.equal((await shop.level(4402, 7003)).available, 7);
  assert.equal(await shop.level(4403, 7001), null);
  const { writesToInactive, writesToMissing } = await shop.stats();
  assert.deepEqual([writesToInactive, writesToMissing, (await shop.journal())[0].outcome], [1, 1, 'ineffective']);
});

test('251 changes are MAX_INPUT_SIZE_EXCEEDED without data', async () => {
  const shop = await newShop();
  const answer = await adjust(
    shop,
    Array.from({ length: 251 }, () => change(4401, 7001, 1)),
  );
  assert.equal('data' in answer, false);
  assert.equal(answer.errors[0].extensions.code, 'MAX_INPUT_SIZE_EXCEEDED');
  assert.deepEqual(answer.errors[0].path, ['inventoryAdjustQuantities', 'input', 'changes']);
});

test('faults of an item meet its adjustments and name their entries', async () => {
  const shop = await newShop();
  await shop.fault({ kind: 'user_error', code: 'INVALID_LOCATION', items: [4402], count: 1 });
  assert.deepEqual(codes(await adjust(shop, [change(4401, 7001, 1), change(4402, 7001, 1)])), [
    ['INVALID_LOCATION', 'input.changes.1.inventoryItemId'],
  ]);
  const [record] = await shop.journal();
  assert.deepEqual(
    record.entries.map(({ item, delta, before }) => [item, delta, before]),
    [
      [4401, 1, null],
      [4402, 1, null],
    ],
  );
});
