'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;

const CATALOGUE = {
  locations: [
    { id: 1, name: 'first' },
    { id: 2, name: 'second' },
    { id: 3, name: 'closed', isActive: false },
  ],
  items: [
    {
      id: 10,
      sku: 'S',
      levels: [
        { location: 1, available: 5 },
        { location: 2, available: 9 },
      ],
    },
    { id: 11, sku: 'E', levels: [{ location: 1, available: 4, isActive: false }] },
  ],
};
const newShop = () => simulator.newShop(`events${++shops}`, {}, CATALOGUE);
const happen = (shop, kind, what) => simulator.control('POST', `/shops/${shop.shop}/${kind}`, what);

async function numbers(shop, item, location) {
  const { available, reserved, on_hand: onHand, incoming, isActive } = await shop.level(item, location);
  return [available, reserved, onHand, incoming, isActive];
}

const READY = { action: 'ready', sku: 'S', location: 1, destination: 2, quantity: 2 };

const WRONG = [
  ['orders', { action: 'place', item: 11, quantity: 1 }, /sold nowhere/],
  ['orders', { action: 'fulfil', item: 10, quantity: 1 }, /location is missing/],
  ['orders', { action: 'move', item: 10, location: 1, to: 9, quantity: 1 }, /unknown location 9/],
  ['orders', { action: 'lose', item: 10, location: 1, quantity: 1 }, /unknown action/],
  ['orders', { action: 'place', item: 10, location: 1, quantity: 'one' }, /integer/],
  ['transfers', { ...READY, destination: 1 }, /two locations/],
  ['transfers', { ...READY, quantity: 0 }, /above 0/],
  ['transfers', { action: 'ship', id: 7 }, /unknown transfer 7/],
  ['transfers', { action: 'sink', id: 7 }, /unknown action/],
  ['edits', { item: 10, location: 1 }, /either quantity or delta/],
  ['edits', { item: 10, location: 1, quantity: 1, delta: 1 }, /either quantity or delta/],
  ['edits', { item: 10, location: 1, quantity: 1.5 }, /integers/],
  ['edits', { item: 10, location: 1, quantity: 1, name: 'committed' }, /available or on_hand/],
  ['edits', { item: 11, location: 1, quantity: 1 }, /not active/],
  ['levels', { action: 'deactivate', item: 11, location: 2 }, /no level/],
  ['items', { action: 'track', sku: 'none' }, /0 items/],
  ['locations', { action: 'close', location: 1, destination: 1 }, /own destination/],
  ['locations', { action: 'close', location: 1, destination: 3 }, /not active/],
  ['locations', { action: 'close', location: 9 }, /unknown location 9/],
];

for (const [kind, what, message] of WRONG) {
  test(`${kind} ${JSON.stringify(what)} is refused and changes nothing`, async () => {
    const shop = await newShop();
    await assert.rejects(happen(shop, kind, what), message);
    assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 5, 0, true]);
    assert.deepEqual(await numbers(shop, 11, 1), [4, 0, 4, 0, false]);
  });
}

test('a transfer goes its way once', async () => {
  const shop = await newShop();
  const { id } = await happen(shop, 'transfers', READY);
  await assert.rejects(happen(shop, 'transfers', { action: 'receive', id }), /is ready, not shipped/);
  await happen(shop, 'transfers', { action: 'ship', id });
  await assert.rejects(happen(shop, 'transfers', { action: 'cancel', id }), /is shipped, not ready/);
  const { status } = await happen(shop, 'transfers', { action: 'receive', id });
  assert.equal(status, 'received');
  assert.deepEqual(await numbers(shop, 10, 1), [3, 0, 3, 0, true]);
  assert.deepEqual(await numbers(shop, 10, 2), [11, 0, 11, 0, true]);
});

test('a transfer follows a location that closes', async () => {
  const shop = await newShop();
  const { id } = await happen(shop, 'transfers', { ...READY, location: 2, destination: 1 });
  const back = await happen(shop, 'transfers', READY);
  await happen(shop, 'locations', { action: 'close', location: 2, destination: 1 });
  assert.deepEqual(await numbers(shop, 10, 1), [10, 4, 14, 0, true]);
  await happen(shop, 'transfers', { action: 'cancel', id });
  await happen(shop, 'transfers', { action: 'ship', id: back.id });
  assert.deepEqual(await numbers(shop, 10, 1), [12, 0, 12, 2, true]);
  assert.deepEqual(await numbers(shop, 10, 2), [0, 0, 0, 0, false]);
});

test('without a destination the units stay at a level that sells nothing', async () => {
  const shop = await newShop();
  await happen(shop, 'locations', { action: 'close', location: 1 });
  assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 5, 0, false]);
  assert.deepEqual((await shop.set([entry(10, 1, 8)])).data.inventorySetQuantities.userErrors, []);
  assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 5, 0, false]);
  await happen(shop, 'locations', { action: 'open', location: 1 });
  assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 5, 0, false]);
  await happen(shop, 'levels', { action: 'activate', item: 10, location: 1 });
  assert.deepEqual(await numbers(shop, 10, 1), [5, 0, 5, 0, true]);
});

test('a destination where the item was not stocked becomes active', async () => {
  const shop = await newShop();
  await happen(shop, 'levels', { action: 'activate', item: 11, location: 1 });
  await happen(shop, 'locations', { action: 'close', location: 1, destination: 2 });
  assert.deepEqual(await numbers(shop, 11, 2), [4, 0, 4, 0, true]);
});

test('a location that comes after a deleted one has levels of its own', async () => {
  const shop = await newShop();
  await happen(shop, 'locations', { action: 'delete', location: 1, destination: 2 });
  assert.deepEqual(await numbers(shop, 10, 2), [14, 0, 14, 0, true]);
  await happen(shop, 'catalogue', {
    append: true,
    locations: [{ id: 4, name: 'fourth' }],
    items: [{ id: 10, levels: [{ location: 4, available: 1 }] }],
  });
  assert.deepEqual(await numbers(shop, 10, 4), [1, 0, 1, 0, true]);
  assert.deepEqual(await numbers(shop, 10, 2), [14, 0, 14, 0, true]);
  assert.equal(await shop.level(10, 1), null);
});

test('an item is tracked, untracked and deleted', async () => {
  const shop = await newShop();
  assert.equal((await happen(shop, 'items', { action: 'untrack', sku: 'S' })).tracked, false);
  assert.equal((await happen(shop, 'items', { action: 'track', item: 10 })).tracked, true);
  await happen(shop, 'items', { action: 'delete', item: 10 });
  const [error] = (await shop.set([entry(10, 1, 8)])).data.inventorySetQuantities.userErrors;
  assert.equal(error.code, 'INVALID_INVENTORY_ITEM');
});

test('what happens at a shop is no mutation of ours', async () => {
  const shop = await newShop();
  await happen(shop, 'edits', { item: 10, location: 1, quantity: 3 });
  await happen(shop, 'transfers', READY);
  await happen(shop, 'locations', { action: 'close', location: 1, destination: 2 });
  assert.deepEqual([await shop.journal(), (await shop.stats()).mutations], [[], 0]);
});
