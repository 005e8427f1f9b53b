'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options, catalogue) => simulator.newShop(`control${++shops}`, options, catalogue);
const order = (shop, body) => simulator.control('POST', `/shops/${shop.shop}/orders`, { location: 7001, ...body });

function numbers({ available, committed, on_hand }) {
  return [available, committed, on_hand];
}

test('levels tell what was loaded', async () => {
  const shop = await newShop();
  const { updatedAt, ...level } = await shop.level(4402, 7003);
  assert.ok(Date.parse(updatedAt) > 0);
  assert.deepEqual(level, {
    item: 4402,
    sku: 'ABC-2',
    location: 7003,
    locationName: 'Annex',
    available: 7,
    on_hand: 7,
    committed: 0,
    reserved: 0,
    incoming: 0,
    isActive: false,
    tracked: true,
  });
});

test('an order moves the numbers: placed, fulfilled, cancelled, adjusted', async () => {
  const shop = await newShop();
  assert.deepEqual(numbers(await order(shop, { action: 'place', item: 4401, quantity: 5 })), [10, 8, 18]);
  assert.deepEqual(numbers(await order(shop, { action: 'fulfil', sku: 'ABC-1', quantity: 3 })), [10, 5, 15]);
  assert.deepEqual(numbers(await order(shop, { action: 'cancel', item: 4401, quantity: 2 })), [12, 3, 15]);
  assert.deepEqual(numbers(await order(shop, { action: 'adjust', item: 4401, quantity: -4 })), [8, 3, 11]);
  assert.equal((await shop.stats()).orders, 4);
});

test('an order makes a check of available stale and leaves one of on_hand alone', async () => {
  const shop = await newShop();
  await order(shop, { action: 'place', item: 4401, quantity: 1 });
  const stale = (await shop.set([entry(4401, 7001, 9, 15)])).data.inventorySetQuantities.userErrors;
  assert.equal(stale[0].code, 'CHANGE_FROM_QUANTITY_STALE');
  const fine = await shop.set([entry(4401, 7001, 20, 18)], { name: 'on_hand' });
  assert.deepEqual(fine.data.inventorySetQuantities.userErrors, []);
});

test('a catalogue replaces the old one, or is appended to it', async () => {
  const shop = await newShop();
  const url = `/shops/${shop.shop}/catalogue`;
  const appended = {
    append: true,
    items: [
      { id: 4401, levels: [{ location: 7001, isActive: false }] },
      { id: 4500, sku: 'N' },
    ],
  };
  assert.equal((await simulator.control('POST', url, appended)).items, 5);
  const level = await shop.level(4401, 7001);
  assert.deepEqual([level.isActive, level.available, level.sku], [false, 15, 'ABC-1']);
  assert.equal((await simulator.control('POST', url, { locations: [], items: [{ id: 1, sku: 'A' }] })).items, 1);
  assert.equal(await shop.level(4401, 7001), null);
});

test('a shop that is created again starts anew', async () => {
  const shop = await newShop();
  await shop.set([entry(4401, 7001, 1)]);
  await simulator.newShop(shop.shop);
  assert.deepEqual([await shop.journal(), (await shop.stats()).mutations], [[], 0]);
});

const WRONG = [
  ['POST', '/shops', { name: 'x' }, 400],
  ['POST', '/shops', { name: 'a/b', token: 't' }, 400],
  ['POST', '/shops', { name: 'x', token: 't', plan: 'huge' }, 400],
  ['POST', '/shops/control1/catalogue', { items: [{ id: 'one' }] }, 400],
  ['POST', '/shops/control1/catalogue', { items: [{ id: 1, levels: [{ location: 12345 }] }] }, 400],
  ['POST', '/shops/control1/catalogue', '{', 400],
  ['POST', '/shops/nobody/catalogue', {}, 404],
  ['POST', '/shops/control1/nothing', {}, 404],
  ['POST', '/nothing', {}, 404],
  ['GET', '/shops/control1/journal?after=x', undefined, 400],
];

for (const [method, url, body, status] of WRONG) {
  test(`${method} /control${url} ${JSON.stringify(body)} is ${status} with an explanation`, async () => {
    const answer = await simulator.request(method, `/control${url}`, body);
    assert.equal(answer.status, status);
    assert.equal(typeof answer.json.error, 'string');
  });
}

test('the view shows the newest changes first and holds no more than asked for', async () => {
  const shop = await newShop();
  await shop.set([entry(4402, 7001, 40)]);
  const ask = async (query) => {
    const view = await simulator.control('GET', `/view?${query}`);
    return view.shops.find(({ name }) => name === shop.shop);
  };
  const newest = await ask('limit=2');
  assert.deepEqual([newest.rows.map(({ sku }) => sku), newest.hasMore], [['ABC-2', 'ABC-1'], true]);
  assert.deepEqual(newest.rows[0].levels[0].slice(0, 4), [40, 40, 0, 1]);
  assert.equal(newest.rows[0].levels[1], null);
  const filtered = await ask('filter=kit&order=id');
  assert.deepEqual([filtered.rows.map(({ sku }) => sku), filtered.hasMore], [['KIT-1'], false]);
});

test('the page is one file that needs no other host', async () => {
  const { status, headers, text } = await simulator.request('GET', '/');
  assert.equal(status, 200);
  assert.match(headers['content-type'], /^text\/html/);
  assert.doesNotMatch(text, /(?:src|href)=|https?:\/\//);
});

/* Last: it takes the shops of the tests above away. */
test('a reset forgets shops, requests and the clock', async () => {
  await simulator.control('POST', '/clock', { advanceMs: 1000 });
  await simulator.control('POST', '/reset', {});
  assert.deepEqual((await simulator.control('GET', '/shops')).shops, []);
  assert.deepEqual((await simulator.control('GET', '/requests')).requests, []);
  assert.equal((await simulator.control('POST', '/clock', { advanceMs: 0 })).offsetMs, 0);
});

/* ---- the program ---- */

const PROGRAM = path.join(__dirname, '..', 'server.js');

function start(...args) {
  const child = spawn(process.execPath, [PROGRAM, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.output = '';
  child.stdout.on('data', (chunk) => (child.output += chunk));
  child.stderr.resume();
  return child;
}

test('the program prints one line with its address and ends at SIGTERM, also with an open connection', async () => {
  const child = start('--port', '0');
  await once(child.stdout, 'data');
  assert.match(child.output, /^\{"url":"http:\/\/127\.0\.0\.1:\d+"\}\n$/);
  const { url } = JSON.parse(child.output);
  assert.equal((await fetch(`${url}/`)).status, 200);
  child.kill('SIGTERM');
  const [code, signal] = await once(child, 'exit');
  assert.deepEqual([code, signal], [0, null]);
});

test('the program explains itself and refuses what it does not know', async () => {
  const help = start('--help');
  assert.deepEqual(await once(help, 'close'), [0, null]);
  assert.match(help.output, /usage: node tests\/shopify_sim\/server\.js/);
  for (const args of [['--prot', '1'], ['--port', 'x'], ['--port']]) {
    assert.equal((await once(start(...args), 'close'))[0], 64, args.join(' '));
  }
});
