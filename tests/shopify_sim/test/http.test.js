'use strict';

const test = require('node:test');
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const zlib = require('node:zlib');
const { DOCUMENTS, TOKEN, entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let shops = 0;
const newShop = (options, catalogue) => simulator.newShop(`http${++shops}`, options, catalogue);

test('another shop’s token is refused with 401 and a text, and counted', async () => {
  const shop = await newShop({ token: 'shpat_other' });
  const { status, json } = await shop.send('StartCheck');
  assert.deepEqual([status, json], [401, { errors: 'invalid access token' }]);
  assert.equal((await shop.stats()).wrongTokens, 1);
});

test('a missing token is refused with 401', async () => {
  const shop = await newShop();
  delete shop.headers['X-Shopify-Access-Token'];
  assert.equal((await shop.send('StartCheck')).status, 401);
});

test('every answer names the version that runs and the request', async () => {
  const shop = await newShop();
  const first = await shop.send('StartCheck');
  const second = await shop.send('StartCheck');
  assert.equal(first.headers['x-shopify-api-version'], '2026-10');
  assert.match(first.headers['x-request-id'], /^[0-9a-f-]{36}$/);
  assert.notEqual(first.headers['x-request-id'], second.headers['x-request-id']);
});

const VERSIONS = [
  ['2026-04', '2026-04'],
  ['2026-07', '2026-07'],
  ['2026-10', '2026-10'],
  ['unstable', 'unstable'],
  ['2025-01', '2026-01'],
  ['2019-04', '2026-01'],
];

for (const [asked, served] of VERSIONS) {
  test(`version ${asked} is served as ${served}`, async () => {
    const shop = await newShop();
    shop.version = asked;
    const { status, headers } = await shop.send('StartCheck');
    assert.deepEqual([status, headers['x-shopify-api-version']], [200, served]);
  });
}

test('wrong path, version, method, content type and body', async () => {
  const shop = await newShop();
  const base = `/shops/${shop.shop}/admin/api/2026-10`;
  const ask = async (method, path, headers, body) => (await simulator.request(method, path, body, headers)).status;
  assert.equal(await ask('POST', `${base}/products.json`, shop.headers, '{}'), 404);
  assert.equal(await ask('POST', `/shops/${shop.shop}/admin/api/none/graphql.json`, shop.headers, '{}'), 404);
  assert.equal(await ask('POST', '/shops/nobody/admin/api/2026-10/graphql.json', shop.headers, '{}'), 404);
  assert.equal(await ask('GET', `${base}/graphql.json`, shop.headers), 405);
  const graphql = { ...shop.headers, 'Content-Type': 'application/graphql' };
  assert.equal(await ask('POST', `${base}/graphql.json`, graphql, '{ shop { id } }'), 415);
  for (const body of ['{', '[]', '{"query": 1}', '{"query": "{ shop { id } }", "variables": "x"}']) {
    const answer = await shop.post(body);
    assert.deepEqual([answer.status, typeof answer.json.errors], [400, 'string'], body);
  }
});

const INVALID = [
  ['a syntax error', '{ shop {', 'BAD_REQUEST'],
  ['an unknown field', '{ shop { id noSuchField } }', 'undefinedField'],
  ['an unused variable', 'query($a: Int) { shop { id } }', 'variableNotUsed'],
  ['a missing argument', '{ inventoryItem { id } }', 'missingRequiredArguments'],
  ['an unknown argument', '{ shop(x: 1) { id } }', 'argumentNotAccepted'],
  ['an unknown directive', '{ shop @once { id } }', 'undefinedDirective'],
];

for (const [name, query, code] of INVALID) {
  test(`${name} is an error with code ${code} and without data`, async () => {
    const shop = await newShop();
    const { status, json } = await shop.send(query);
    assert.equal(status, 200);
    assert.equal(json.data, undefined);
    assert.equal(json.errors[0].extensions.code, code);
    assert.ok(json.errors[0].locations.length > 0);
  });
}

test('an operation name that is not in the document is BAD_REQUEST', async () => {
  const shop = await newShop();
  const { json } = await shop.post({ query: DOCUMENTS.StartCheck, operationName: 'Other' });
  assert.equal(json.errors[0].extensions.code, 'BAD_REQUEST');
});

test('a field that is not simulated says so instead of making up a value', async () => {
  const shop = await newShop();
  const answer = await shop.ask('{ shop { email } }');
  assert.equal(answer.errors[0].extensions.code, 'NOT_SIMULATED');
});

test('a deprecated field is named in a header', async () => {
  const shop = await newShop();
  const { headers } = await shop.send('{ shop { allProductCategories { productTaxonomyNode { id } } } }');
  assert.match(headers['x-shopify-api-deprecated-reason'], /allProductCategoriesList/);
});

test('a missing scope nulls the field and leaves its neighbours', async () => {
  const shop = await newShop({ scopes: ['read_inventory', 'read_products'] });
  const answer = await shop.set([entry(4401, 7001, 1)]);
  assert.deepEqual(answer.data, { inventorySetQuantities: null });
  const { code, requiredAccess } = answer.errors[0].extensions;
  assert.equal(code, 'ACCESS_DENIED');
  assert.match(requiredAccess, /`write_inventory` access scope/);
  assert.deepEqual(answer.errors[0].path, ['inventorySetQuantities']);
  assert.equal((await shop.level(4401, 7001)).available, 15);
});

test('a write scope holds its read scope', async () => {
  const shop = await newShop({ scopes: ['write_inventory'] });
  const read = await shop.ask('{ inventoryItems(first: 1) { nodes { id } } }');
  assert.equal(read.errors, undefined);
  const products = await shop.ask('{ productVariants(first: 1) { nodes { id } } }');
  assert.equal(products.errors[0].extensions.code, 'ACCESS_DENIED');
});

test('a large answer is compressed for a client that accepts it', async () => {
  const items = Array.from({ length: 250 }, (_, i) => ({ id: 1 + i, sku: `SKU-${i}`.padEnd(300, 'x') }));
  const shop = await newShop({}, { locations: [], items });
  const text = '{ inventoryItems(first: 250) { nodes { id sku } } }';
  const packed = await shop.send(text, {}, { 'Accept-Encoding': 'gzip' });
  const plain = await shop.send(text);
  assert.deepEqual([packed.headers['content-encoding'], plain.headers['content-encoding']], ['gzip', undefined]);
  assert.deepEqual(JSON.parse(zlib.gunzipSync(packed.bytes)).data, plain.json.data);
});

test('everything that arrives is logged, with the token’s hash and never the token', async () => {
  const shop = await newShop();
  await shop.send('StartCheck');
  await simulator.request('GET', '/elsewhere', undefined, { 'X-Shopify-Access-Token': 'shpat_strayed' });
  const answer = await simulator.request('GET', '/control/requests');
  assert.ok(!answer.text.includes(TOKEN) && !answer.text.includes('strayed'));
  const hash = (token) => crypto.createHash('sha256').update(token).digest('hex').slice(0, 16);
  const [known, strayed] = answer.json.requests.slice(-2);
  assert.deepEqual(
    [known.shop, known.operation, known.status, known.tokenHash],
    [shop.shop, 'StartCheck', 200, hash(TOKEN)],
  );
  assert.deepEqual(
    [strayed.path, strayed.shop, strayed.status, strayed.tokenHash],
    ['/elsewhere', null, 404, hash('shpat_strayed')],
  );
});
