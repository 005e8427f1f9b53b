'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { entry, itemId, locationId, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = () => simulator.newShop(`act${++shops}`);

async function activate(shop, item, location, quantities) {
  const variables = { item: itemId(item), location: locationId(location), key: simulator.nextKey(), ...quantities };
  const answer = await shop.ask('LevelActivate', variables);
  return { ...answer.data.inventoryActivate, cost: answer.extensions.cost };
}

function numbers(level) {
  return level.quantities.map(({ name, quantity }) => [name, quantity]);
}

test('a level that was never connected gets the given quantity', async () => {
  const shop = await newShop();
  await shop.ask('ItemTrack', { id: itemId(4403) });
  const { inventoryLevel, userErrors, cost } = await activate(shop, 4403, 7003, { available: 5 });
  assert.deepEqual(userErrors, []);
  assert.match(inventoryLevel.id, /^gid:\/\/shopify\/InventoryLevel\/\d+\?inventory_item_id=4403$/);
  assert.ok(!inventoryLevel.id.includes('7003'), 'the number is not the location id');
  assert.equal(inventoryLevel.isActive, true);
  assert.deepEqual(numbers(inventoryLevel), [
    ['available', 5],
    ['on_hand', 5],
  ]);
  assert.deepEqual([cost.requestedQueryCost, cost.actualQueryCost], [11, 11]);
  const set = await shop.set([entry(4403, 7003, 8, 5)]);
  assert.deepEqual(set.data.inventorySetQuantities.userErrors, []);
  assert.equal((await shop.level(4403, 7003)).available, 8);
});

test('a level of an untracked item is activated without the given quantity', async () => {
  const shop = await newShop();
  for (const given of [{ available: 9 }, { onHand: 9 }]) {
    const location = given.available ? 7001 : 7003;
    const { inventoryLevel, userErrors } = await activate(shop, 4403, location, given);
    assert.deepEqual(userErrors, []);
    assert.equal(inventoryLevel.isActive, true);
    assert.deepEqual(numbers(inventoryLevel), [
      ['available', 0],
      ['on_hand', 0],
    ]);
  }
});

test('a level that was active before comes back with its old numbers', async () => {
  const shop = await newShop();
  const { inventoryLevel } = await activate(shop, 4402, 7003, { available: 50 });
  assert.equal(inventoryLevel.isActive, true);
  assert.deepEqual(numbers(inventoryLevel), [
    ['available', 7],
    ['on_hand', 7],
  ]);
});

test('an active level answers with the level and an error when a quantity was given', async () => {
  const shop = await newShop();
  for (const [member, given] of [
    ['available', { available: 50 }],
    ['onHand', { onHand: 50 }],
  ]) {
    const { inventoryLevel, userErrors, cost } = await activate(shop, 4402, 7001, given);
    assert.deepEqual(numbers(inventoryLevel), [
      ['available', 4],
      ['on_hand', 4],
    ]);
    assert.deepEqual(
      userErrors.map(({ field }) => field),
      [[member]],
    );
    assert.equal(cost.actualQueryCost, 11);
  }
  assert.deepEqual((await activate(shop, 4402, 7001, {})).userErrors, []);
});

const REFUSED = [
  ['both quantities', 4403, 7003, { available: 1, onHand: 1 }, [['available'], ['onHand']]],
  ['on_hand out of bounds', 4403, 7003, { onHand: 1000000001 }, [['onHand']]],
  ['an unknown location', 4403, 9, { available: 1 }, [['locationId']]],
  ['an unknown item', 9, 7003, { available: 1 }, [['inventoryItemId']]],
  ['a closed location', 4403, 7002, { available: 1 }, [['locationId']]],
];

for (const [name, item, location, given, fields] of REFUSED) {
  test(`refused with a null level and 10 points: ${name}`, async () => {
    const shop = await newShop();
    const { inventoryLevel, userErrors, cost } = await activate(shop, item, location, given);
    assert.equal(inventoryLevel, null);
    assert.deepEqual(
      userErrors.map(({ field }) => field),
      fields,
    );
    assert.equal(cost.actualQueryCost, 10);
  });
}

test('activation needs the directive, tracking does not', async () => {
  const shop = await newShop();
  const answer = await shop.ask(
    `mutation { inventoryActivate(inventoryItemId: "${itemId(4403)}", locationId: "${locationId(7003)}") { userErrors { message } } }`,
  );
  assert.equal(answer.errors[0].extensions.code, 'BAD_REQUEST');
  const tracked = await shop.ask('ItemTrack', { id: itemId(4403) });
  assert.deepEqual(tracked.data.inventoryItemUpdate, {
    inventoryItem: { id: itemId(4403), tracked: true },
    userErrors: [],
  });
  const unknown = (await shop.ask('ItemTrack', { id: itemId(9) })).data.inventoryItemUpdate;
  assert.deepEqual([unknown.inventoryItem, unknown.userErrors[0].field], [null, ['id']]);
});
