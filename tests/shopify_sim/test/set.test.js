'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { entry, itemId, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options) => simulator.newShop(`set${++shops}`, options);

function payload(answer) {
  return answer.data.inventorySetQuantities;
}

/** Errors as [code, field joined]. */
function codes(answer) {
  return payload(answer).userErrors.map(({ code, field }) => [code, field === null ? null : field.join('.')]);
}

const throttleStatus = { maximumAvailable: 2000, currentlyAvailable: 1990, restoreRate: 100 };

test('a set answers with a group, no errors and a cost of 10', async () => {
  const shop = await newShop({ plan: { restoreRate: 0.001, maximumAvailable: 2000 } });
  const answer = await shop.set([entry(4401, 7001, 12, 15), entry(4402, 7001, 0, 4)]);
  assert.deepEqual(answer, {
    data: {
      inventorySetQuantities: {
        inventoryAdjustmentGroup: { id: 'gid://shopify/InventoryAdjustmentGroup/5001' },
        userErrors: [],
      },
    },
    extensions: {
      cost: {
        requestedQueryCost: 10,
        actualQueryCost: 10,
        throttleStatus: { ...throttleStatus, restoreRate: 0.001 },
      },
    },
  });
});

test('a set of either name moves available and on_hand by the same number', async () => {
  const shop = await newShop();
  await shop.set([entry(4401, 7001, 12, 15)]);
  let level = await shop.level(4401, 7001);
  assert.deepEqual([level.available, level.on_hand, level.committed], [12, 15, 3]);
  await shop.set([entry(4401, 7001, 20, 15)], { name: 'on_hand' });
  level = await shop.level(4401, 7001);
  assert.deepEqual([level.available, level.on_hand, level.committed], [17, 20, 3]);
});

test('changes name both quantities, without the quantity after the change', async () => {
  const shop = await newShop();
  const answer = await shop.ask(
    `mutation($input: InventorySetQuantitiesInput!) { inventorySetQuantities(input: $input) @idempotent(key: "k") {
      inventoryAdjustmentGroup { id reason changes { name delta quantityAfterChange item { id } location { id } } } userErrors { code } } }`,
    { input: { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, 12, 15)] } },
  );
  const change = { delta: -3, quantityAfterChange: null, item: { id: itemId(4401) } };
  const location = { id: 'gid://shopify/Location/7001' };
  assert.deepEqual(payload(answer).inventoryAdjustmentGroup.changes, [
    { name: 'available', ...change, location },
    { name: 'on_hand', ...change, location },
  ]);
  assert.equal(answer.extensions.cost.requestedQueryCost, 13);
  assert.equal(answer.extensions.cost.actualQueryCost, 13);
});

test('a set that changes nothing answers no group and no errors', async () => {
  const shop = await newShop();
  const answer = await shop.set([entry(4401, 7001, 15, 15)]);
  assert.deepEqual(payload(answer), { inventoryAdjustmentGroup: null, userErrors: [] });
  assert.equal((await shop.journal())[0].outcome, 'noop');
});

test('a set without the directive is refused as BAD_REQUEST with null data', async () => {
  const shop = await newShop();
  const answer = await shop.ask(
    `mutation($input: InventorySetQuantitiesInput!) {
  inventorySetQuantities(input: $input) { userErrors { code } } }`,
    { input: { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, 1, 15)] } },
  );
  assert.deepEqual(answer.data, { inventorySetQuantities: null });
  assert.equal(answer.errors[0].extensions.code, 'BAD_REQUEST');
  assert.deepEqual(answer.errors[0].path, ['inventorySetQuantities']);
  assert.deepEqual(answer.errors[0].locations, [{ line: 2, column: 3 }]);
  assert.equal((await shop.level(4401, 7001)).available, 15);
});

for (const key of ['', '  ']) {
  test(`the key ${JSON.stringify(key)} is refused as BAD_REQUEST`, async () => {
    const shop = await newShop();
    const answer = await shop.set([entry(4401, 7001, 1, 15)], {}, key);
    assert.equal(answer.errors[0].extensions.code, 'BAD_REQUEST');
    assert.deepEqual(answer.data, { inventorySetQuantities: null });
  });
}

test('an absent changeFromQuantity is refused, an explicit null is not', async () => {
  const shop = await newShop();
  const { changeFromQuantity, ...without } = entry(4401, 7001, 1);
  assert.equal(changeFromQuantity, null);
  const refused = await shop.set([entry(4402, 7001, 2), without]);
  assert.equal(refused.errors[0].extensions.code, 'INVALID_FIELD_ARGUMENTS');
  assert.match(refused.errors[0].message, /InventoryQuantityInput.*changeFromQuantity/);
  assert.equal(refused.errors[0].locations.length, 2);
  assert.deepEqual(refused.data, { inventorySetQuantities: null });
  assert.equal((await shop.level(4402, 7001)).available, 4);
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 1, null)])), []);
});

test('an absent changeFromQuantity does not use up the key', async () => {
  const shop = await newShop();
  const { changeFromQuantity: _, ...without } = entry(4401, 7001, 1);
  await shop.set([without], {}, 'same');
  assert.deepEqual(codes(await shop.set([entry(4401, 7001, 1)], {}, 'same')), []);
});

test('a literal entry is looked at like one in a variable', async () => {
  const shop = await newShop();
  const literal = (
    member,
  ) => `mutation { inventorySetQuantities(input: {name: "available", reason: "correction", quantities: [
    {inventoryItemId: "${itemId(4401)}", locationId: "gid://shopify/Location/7001", quantity: 3${member}}]})
    @idempotent(key: "literal") { userErrors { code } } }`;
  assert.equal((await shop.ask(literal(''))).errors[0].extensions.code, 'INVALID_FIELD_ARGUMENTS');
  assert.deepEqual(codes(await shop.ask(literal(', changeFromQuantity: null'))), []);
});

test('an unknown member of the input is INVALID_VARIABLE without data and without cost', async () => {
  const shop = await newShop();
  const answer = await shop.set([], { ignoreCompareQuantity: true });
  assert.deepEqual(Object.keys(answer), ['errors']);
  const { code, value, problems } = answer.errors[0].extensions;
  assert.equal(code, 'INVALID_VARIABLE');
  assert.equal(value.ignoreCompareQuantity, true);
  assert.equal(problems.length, 1);
  assert.match(problems[0].explanation, /ignoreCompareQuantity/);
});

test('a number beyond 32 bits and a missing variable are INVALID_VARIABLE', async () => {
  const shop = await newShop();
  const tooLarge = await shop.set([entry(4401, 7001, 3000000000)]);
  assert.deepEqual(tooLarge.errors[0].extensions.problems[0].path, ['quantities', 0, 'quantity']);
  const missing = await shop.ask('StockSet', { key: 'k' });
  assert.equal(missing.errors[0].extensions.code, 'INVALID_VARIABLE');
});

test('251 entries are MAX_INPUT_SIZE_EXCEEDED, nothing is charged, 250 are accepted', async () => {
  const items = Array.from({ length: 251 }, (_, i) => ({
    id: 1000 + i,
    sku: `S-${i}`,
    levels: [{ location: 1, available: 0 }],
  }));
  const shop = await simulator.newShop('set-many', {}, { locations: [{ id: 1, name: 'L' }], items });
  const quantities = items.map(({ id }) => entry(id, 1, 5, 0));
  const answer = await shop.set(quantities);
  assert.equal(answer.data, undefined);
  assert.equal(answer.errors[0].extensions.code, 'MAX_INPUT_SIZE_EXCEEDED');
  assert.deepEqual(answer.errors[0].path, ['inventorySetQuantities', 'input', 'quantities']);
  assert.deepEqual(answer.extensions.cost, {
    requestedQueryCost: 10,
    actualQueryCost: null,
    throttleStatus: { maximumAvailable: 2000, currentlyAvailable: 2000, restoreRate: 100 },
  });
  const accepted = await shop.set(quantities.slice(0, 250));
  assert.deepEqual(codes(accepted), []);
  assert.equal(accepted.extensions.cost.actualQueryCost, 10);
});

const USER_ERRORS = [
  ['an unknown item', [entry(9, 7001, 1)], {}, [['INVALID_INVENTORY_ITEM', 'input.quantities.0.inventoryItemId']]],
  ['an unknown location', [entry(4401, 9, 1)], {}, [['INVALID_LOCATION', 'input.quantities.0.locationId']]],
  [
    'an item id of another type',
    [{ ...entry(4401, 7001, 1), inventoryItemId: 'gid://shopify/ProductVariant/4401' }],
    {},
    [['INVALID_INVENTORY_ITEM', 'input.quantities.0.inventoryItemId']],
  ],
  [
    'both unknown, at the right index',
    [entry(4401, 7001, 1), entry(9, 9, 1)],
    {},
    [
      ['INVALID_INVENTORY_ITEM', 'input.quantities.1.inventoryItemId'],
      ['INVALID_LOCATION', 'input.quantities.1.locationId'],
    ],
  ],
  [
    'a stale value',
    [entry(4401, 7001, 1, 14)],
    {},
    [['CHANGE_FROM_QUANTITY_STALE', 'input.quantities.0.changeFromQuantity']],
  ],
  [
    'a stale on_hand',
    [entry(4401, 7001, 1, 15)],
    { name: 'on_hand' },
    [['CHANGE_FROM_QUANTITY_STALE', 'input.quantities.0.changeFromQuantity']],
  ],
  [
    'a bundle parent',
    [entry(4404, 7001, 2)],
    {},
    [['NON_MUTABLE_INVENTORY_ITEM', 'input.quantities.0.inventoryItemId']],
  ],
  [
    'a negative on_hand',
    [entry(4401, 7001, -1)],
    { name: 'on_hand' },
    [['INVALID_QUANTITY_NEGATIVE', 'input.quantities.0.quantity']],
  ],
  ['too high', [entry(4401, 7001, 1000000001)], {}, [['INVALID_QUANTITY_TOO_HIGH', 'input.quantities.0.quantity']]],
  ['too low', [entry(4401, 7001, -1000000001)], {}, [['INVALID_QUANTITY_TOO_LOW', 'input.quantities.0.quantity']]],
  ['a wrong name', [entry(4401, 7001, 1)], { name: 'committed' }, [['INVALID_NAME', 'input.name']]],
  ['a wrong reason', [entry(4401, 7001, 1)], { reason: 'because' }, [['INVALID_REASON', 'input.reason']]],
  [
    'a document without scheme',
    [entry(4401, 7001, 1)],
    { referenceDocumentUri: 'batch 7' },
    [['INVALID_REFERENCE_DOCUMENT', 'input.referenceDocumentUri']],
  ],
  [
    'a pair three times: every entry of it',
    [entry(4402, 7001, 1), entry(4401, 7001, 1), entry(4401, 7001, 1), entry(4401, 7001, 2)],
    {},
    [
      ['NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR', 'input.quantities.1.locationId'],
      ['NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR', 'input.quantities.2.locationId'],
      ['NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR', 'input.quantities.3.locationId'],
    ],
  ],
  [
    'errors of several entries together',
    [entry(4401, 7001, 1, 99), entry(4402, 7001, 1), entry(4, 7001, 1)],
    {},
    [
      ['CHANGE_FROM_QUANTITY_STALE', 'input.quantities.0.changeFromQuantity'],
      ['INVALID_INVENTORY_ITEM', 'input.quantities.2.inventoryItemId'],
    ],
  ],
];

for (const [name, quantities, members, expected] of USER_ERRORS) {
  test(`userErrors: ${name}; nothing is changed`, async () => {
    const shop = await newShop();
    const answer = await shop.set(quantities, members);
    assert.deepEqual(codes(answer), expected);
    assert.equal(payload(answer).inventoryAdjustmentGroup, null);
    assert.equal(answer.extensions.cost.actualQueryCost, 10);
    const levels = [await shop.level(4401, 7001), await shop.level(4402, 7001)];
    assert.deepEqual(
      levels.map((level) => level.available),
      [15, 4],
    );
    const [record] = await shop.journal();
    assert.equal(record.outcome, 'refused');
    assert.equal(record.errors[0].code, expected[0][0]);
  });
}

const ACCEPTED = [
  ['available at its lower bound', [entry(4401, 7001, -1000000000, 15)], {}],
  ['available at its upper bound', [entry(4401, 7001, 1000000000, 15)], {}],
  ['on_hand at zero', [entry(4401, 7001, 0, 18)], { name: 'on_hand' }],
  ['a document uri', [entry(4401, 7001, 1)], { referenceDocumentUri: 'gid://stocksync/Batch/6f1c1f6e' }],
];

for (const [name, quantities, members] of ACCEPTED) {
  test(`accepted: ${name}`, async () => {
    const shop = await newShop();
    assert.deepEqual(codes(await shop.set(quantities, members)), []);
  });
}

test('writes to an inactive and to a missing level succeed, have no effect and are counted', async () => {
  const shop = await newShop();
  const answer = await shop.set([entry(4402, 7003, 50), entry(4403, 7001, 60, 0)]);
  assert.deepEqual(codes(answer), []);
  assert.notEqual(payload(answer).inventoryAdjustmentGroup, null);
  assert.deepEqual([(await shop.level(4402, 7003)).available, await shop.level(4403, 7001)], [7, null]);
  const stats = await shop.stats();
  assert.deepEqual([stats.writesToInactive, stats.writesToMissing, stats.pairsApplied], [1, 1, 0]);
  assert.equal((await shop.journal())[0].outcome, 'ineffective');
});

test('the journal tells what every mutation did', async () => {
  const shop = await newShop();
  const earliest = Date.now() * 1000;
  const members = { referenceDocumentUri: 'gid://stocksync/Batch/1' };
  await shop.set([entry(4401, 7001, 12, 15), entry(4402, 7001, 4, null)], members, 'journalled');
  const [record, ...more] = await shop.journal();
  assert.deepEqual(more, []);
  const { at_us, startedAt_us, requestId, ...rest } = record;
  assert.ok(startedAt_us >= earliest - 2000 && at_us >= startedAt_us && at_us <= Date.now() * 1000 + 2000);
  assert.match(requestId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(rest, {
    seq: 1,
    operation: 'inventorySetQuantities',
    operationName: 'StockSet',
    key: 'journalled',
    name: 'available',
    reason: 'correction',
    reference: 'gid://stocksync/Batch/1',
    outcome: 'applied',
    entries: [
      { item: 4401, location: 7001, quantity: 12, changeFrom: 15, before: 15, after: 12 },
      { item: 4402, location: 7001, quantity: 4, changeFrom: null, before: 4, after: 4 },
    ],
    errors: [],
    fault: null,
  });
  assert.deepEqual(await shop.journal(1), []);
});
