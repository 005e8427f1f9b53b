'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const { entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
const APP = { token: undefined, clientId: 'app-1', clientSecret: 'shpss_right' };
const FORM = { 'Content-Type': 'application/x-www-form-urlencoded', Accept: 'application/json' };
let shops = 0;
const newShop = (options = {}) => simulator.newShop(`oauth${++shops}`, { ...APP, ...options });

function ask(shop, fields = {}, headers = FORM, method = 'POST') {
  const all = { grant_type: 'client_credentials', client_id: 'app-1', client_secret: 'shpss_right', ...fields };
  const form = new URLSearchParams(Object.entries(all).filter(([, value]) => value !== null));
  return simulator.request(method, `/shops/${shop.shop}/admin/oauth/access_token`, form.toString(), headers);
}

const changeApp = (shop, change) => simulator.control('POST', `/shops/${shop.shop}/app`, change);

/** A shop with a client that carries a token that was just handed out. */
async function openShop(options) {
  const shop = await newShop(options);
  const { json } = await ask(shop);
  shop.headers['X-Shopify-Access-Token'] = json.access_token;
  return shop;
}

test('id and secret buy a token that the API accepts', async () => {
  const shop = await newShop();
  const { status, json } = await ask(shop);
  assert.equal(status, 200);
  assert.deepEqual(Object.keys(json), ['access_token', 'scope', 'expires_in']);
  assert.match(json.access_token, /^shpat_[0-9a-f]{32}$/);
  assert.equal(json.expires_in, 86399);
  assert.equal(json.scope, 'read_products,read_inventory,write_inventory,read_locations');
  assert.equal((await shop.send('StartCheck')).status, 401);
  shop.headers['X-Shopify-Access-Token'] = json.access_token;
  assert.equal((await shop.send('StartCheck')).status, 200);
});

test('an older token goes on living beside a newer one', async () => {
  const shop = await openShop();
  const { json } = await ask(shop);
  assert.notEqual(json.access_token, shop.headers['X-Shopify-Access-Token']);
  assert.equal((await shop.send('StartCheck')).status, 200);
});

test('a token ends with its life, on the clock that tests move', async () => {
  const shop = await openShop({ tokenLifeS: 60 });
  assert.equal((await shop.set([entry(4401, 7001, 14, 15)])).errors, undefined);
  await simulator.control('POST', '/clock', { advanceMs: 61000 });
  const { status, json } = await shop.send('StartCheck');
  assert.deepEqual([status, json], [401, { errors: 'invalid access token' }]);
});

test('tokens of one shop are nothing to another', async () => {
  const shop = await openShop();
  const other = await newShop();
  other.headers = shop.headers;
  assert.equal((await other.send('StartCheck')).status, 401);
});

const REFUSALS = [
  ['a wrong secret', { client_secret: 'shpss_wrong' }, {}, 'invalid_client'],
  ['an unknown id', { client_id: 'app-2' }, {}, 'invalid_client'],
  ['no secret', { client_secret: null }, {}, 'invalid_request'],
  ['another grant', { grant_type: 'authorization_code' }, {}, 'invalid_request'],
  ['no grant', { grant_type: null }, {}, 'invalid_request'],
  ['an app that is not installed', {}, { installed: false }, 'app_not_installed'],
  ['a shop of another organisation', {}, { sameOrganisation: false }, 'shop_not_permitted'],
];

for (const [name, fields, change, code] of REFUSALS) {
  test(`${name} is refused as ${code}`, async () => {
    const shop = await newShop();
    await changeApp(shop, change);
    const { status, json } = await ask(shop, fields);
    assert.equal(status, 400);
    assert.equal(json.error, code);
    assert.equal(typeof json.error_description, 'string');
    assert.equal((await shop.stats()).tokensRefused, 1);
  });
}

test('without Accept an error is a page that holds the code', async () => {
  const shop = await newShop();
  const { Accept, ...headers } = FORM;
  const answer = await ask(shop, { client_secret: 'x' }, headers);
  assert.equal(answer.status, 400);
  assert.match(answer.headers['content-type'], /^text\/html/);
  assert.match(answer.text, /invalid_client/);
});

test('a body that is no form, another method', async () => {
  const shop = await newShop();
  assert.equal((await ask(shop, {}, { ...FORM, 'Content-Type': 'text/plain' })).json.error, 'invalid_request');
  assert.equal((await ask(shop, {}, FORM, 'PUT')).status, 405);
});

test('a shop without an app hands out nothing, and needs a token', async () => {
  const shop = await simulator.newShop(`oauth${++shops}`);
  assert.equal((await ask(shop)).json.error, 'invalid_client');
  const none = await simulator.request('POST', '/control/shops', { name: 'none' });
  assert.deepEqual([none.status, none.json.error], [400, 'token or clientId is missing']);
});

test('an uninstalled app loses every token, also a static one, and gets it back', async () => {
  const shop = await simulator.newShop(`oauth${++shops}`);
  await changeApp(shop, { installed: false });
  assert.equal((await shop.send('StartCheck')).status, 401);
  await changeApp(shop, { installed: true });
  assert.equal((await shop.send('StartCheck')).status, 200);
});

test('handed-out tokens can be revoked, the secret and the scopes changed', async () => {
  const shop = await openShop();
  await changeApp(shop, { revoke: true, clientSecret: 'shpss_new', scopes: ['read_products'] });
  assert.equal((await shop.send('StartCheck')).status, 401);
  assert.equal((await ask(shop)).json.error, 'invalid_client');
  const { json } = await ask(shop, { client_secret: 'shpss_new' });
  assert.equal(json.scope, 'read_products');
  shop.headers['X-Shopify-Access-Token'] = json.access_token;
  const set = await shop.set([entry(4401, 7001, 1)]);
  assert.equal(set.errors[0].extensions.code, 'ACCESS_DENIED');
});

test('faults meet the asking under the name AccessToken', async () => {
  const shop = await openShop();
  await shop.fault({ kind: 'status', status: 503, retryAfter: 2, operation: 'AccessToken', count: 1 });
  const refused = await ask(shop);
  assert.deepEqual([refused.status, refused.headers['retry-after']], [503, '2']);
  assert.equal((await shop.send('StartCheck')).status, 200);
  assert.equal((await ask(shop)).status, 200);
});

test('the log names the secret by its hash, and never itself', async () => {
  const shop = await newShop();
  await ask(shop);
  const answer = await simulator.request('GET', '/control/requests');
  const last = answer.json.requests.at(-1);
  const hash = crypto.createHash('sha256').update('shpss_right').digest('hex').slice(0, 16);
  assert.deepEqual(
    [last.shop, last.operation, last.status, last.secretHash, last.tokenHash],
    [shop.shop, 'AccessToken', 200, hash, null],
  );
  assert.ok(!answer.text.includes('shpss_'));
});

test('input that makes no sense is refused', async () => {
  const shop = await newShop();
  const post = async (path, body) => (await simulator.request('POST', `/control${path}`, body)).status;
  for (const body of [{ installed: 'no' }, { clientSecret: '' }, { scopes: 'all' }, { tokenLifeS: 0 }]) {
    assert.equal(await post(`/shops/${shop.shop}/app`, body), 400, JSON.stringify(body));
  }
});
