'use strict';

/* HTTP/2 and HTTP/1.1 over TLS: the same application, and the ways in which a stream or a connection can end. */

const test = require('node:test');
const assert = require('node:assert/strict');
const { execFileSync } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const http2 = require('node:http2');
const https = require('node:https');
const os = require('node:os');
const path = require('node:path');
const { createTlsServer } = require('../lib/app');
const { DOCUMENTS, TOKEN, entry, useSimulator } = require('./harness');

const simulator = useSimulator(test);
let folder;
let cert;
let server;
let port;
const sockets = new Set();
let shops = 0;

test.before(async () => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'stocksync-tls-'));
  const [keyFile, certFile] = ['key.pem', 'cert.pem'].map((name) => path.join(folder, name));
  const subject = ['-subj', '/CN=simulator', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', keyFile, '-out', certFile], {
    stdio: 'ignore',
  });
  cert = fs.readFileSync(certFile);
  server = createTlsServer(simulator.app, { cert, key: fs.readFileSync(keyFile) });
  server.on('connection', (socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  ({ port } = server.address());
});

test.after(() => {
  server.close();
  for (const socket of sockets) socket.destroy();
  fs.rmSync(folder, { recursive: true });
});

async function connect() {
  const session = http2.connect(`https://127.0.0.1:${port}`, { ca: cert });
  session.on('error', () => {});
  await once(session, 'connect');
  return session;
}

/** {status, text, code}: code is that of the stream's end. */
function send(session, shop, body) {
  const stream = session.request({
    ':method': 'POST',
    ':path': `/shops/${shop}/admin/api/2026-10/graphql.json`,
    'content-type': 'application/json',
    'x-shopify-access-token': TOKEN,
  });
  const answer = { status: null, text: '' };
  stream.on('response', (headers) => (answer.status = headers[':status']));
  stream.on('data', (chunk) => (answer.text += chunk));
  stream.on('error', () => {});
  stream.end(JSON.stringify(body));
  return new Promise((resolve) => stream.on('close', () => resolve({ ...answer, code: stream.rstCode })));
}

function set(session, shop, quantity, key) {
  const input = { name: 'available', reason: 'correction', quantities: [entry(4401, 7001, quantity)] };
  return send(session, shop, { query: DOCUMENTS.StockSet, operationName: 'StockSet', variables: { key, input } });
}

async function fixture() {
  const shop = await simulator.newShop(`tls${++shops}`);
  return { shop, session: await connect(), available: async () => (await shop.level(4401, 7001)).available };
}

test('requests of one session share one connection, and the log knows it', async () => {
  const { shop, session } = await fixture();
  const answers = await Promise.all([1, 2, 3].map((n) => set(session, shop.shop, n, `shared-${n}`)));
  assert.deepEqual(
    answers.map(({ status, code }) => [status, code]),
    Array(3).fill([200, 0]),
  );
  assert.deepEqual((await shop.stats()).connections, { '2.0': 1 });
  const { requests } = await simulator.control('GET', '/requests');
  const mine = requests.filter((request) => request.shop === shop.shop);
  assert.deepEqual([...new Set(mine.map(({ connection, protocol }) => `${protocol} ${connection}`))].length, 1);
  assert.deepEqual(mine.map(({ key }) => key).sort(), ['shared-1', 'shared-2', 'shared-3']);
  assert.equal(mine[0].host, `127.0.0.1:${port}`);
  session.close();
});

test('a mutation sent again has the same hash, another one has not', async () => {
  const { shop, session } = await fixture();
  for (const [quantity, key] of [[1, 'a'], [1, 'a'], [1, 'b']]) await set(session, shop.shop, quantity, key);
  const { requests } = await simulator.control('GET', '/requests');
  const [first, again, other] = requests.filter((request) => request.shop === shop.shop);
  assert.equal(first.bodyHash, again.bodyHash);
  assert.notEqual(first.bodyHash, other.bodyHash);
  session.close();
});

test('HTTP/1.1 over TLS is served as well', async () => {
  const shop = await simulator.newShop(`tls${++shops}`);
  const headers = { 'Content-Type': 'application/json', 'X-Shopify-Access-Token': TOKEN };
  const where = { host: '127.0.0.1', port, ca: cert, method: 'POST', headers };
  const request = https.request({ ...where, path: `/shops/${shop.shop}/admin/api/2026-10/graphql.json` });
  request.end(JSON.stringify({ query: DOCUMENTS.StartCheck }));
  const [response] = await once(request, 'response');
  response.resume();
  assert.equal(response.statusCode, 200);
  assert.deepEqual((await shop.stats()).connections, { 1.1: 1 });
});

const ENDS = [
  ['stream_refused', 15, http2.constants.NGHTTP2_REFUSED_STREAM],
  ['goaway', 15, http2.constants.NGHTTP2_REFUSED_STREAM],
  ['stream_reset', 1, http2.constants.NGHTTP2_INTERNAL_ERROR],
];

for (const [kind, level, code] of ENDS) {
  test(`${kind} ends one stream with code ${code} and leaves the level at ${level}`, async () => {
    const { shop, session, available } = await fixture();
    await set(session, shop.shop, 15, 'before');
    await shop.fault({ kind, count: 1 });
    const answer = await set(session, shop.shop, 1, 'met');
    assert.deepEqual([answer.status, answer.code], [null, code]);
    assert.equal(await available(), level);
    session.destroy();
  });
}

for (const [kind, level] of [
  ['reset_before', 15],
  ['reset_after', 1],
]) {
  test(`${kind} ends the connection with all its streams`, async () => {
    const { shop, session, available } = await fixture();
    await shop.fault({ kind: 'hang', operation: 'StartCheck' });
    const neighbour = send(session, shop.shop, { query: DOCUMENTS.StartCheck, operationName: 'StartCheck' });
    await shop.fired('hang');
    await shop.fault({ kind, operation: 'StockSet' });
    const answers = await Promise.all([neighbour, set(session, shop.shop, 1, 'met')]);
    assert.deepEqual(answers.map(({ status }) => status), [null, null]);
    assert.equal(await available(), level);
  });
}

test('a connection that retires answers what it has and looks at nothing later', async () => {
  const { shop, session, available } = await fixture();
  await shop.fault({ kind: 'retire', count: 1 });
  const goaway = once(session, 'goaway');
  assert.equal((await set(session, shop.shop, 1, 'last')).status, 200);
  const [code, lastStream] = await goaway;
  assert.deepEqual([code, lastStream], [http2.constants.NGHTTP2_NO_ERROR, 1]);
  assert.equal(await available(), 1);
  session.destroy();
});

test('a body that is cut off over HTTP/2 is executed', async () => {
  const { shop, session, available } = await fixture();
  await shop.fault({ kind: 'cut_body', count: 1 });
  const { text } = await set(session, shop.shop, 1, 'cut');
  assert.throws(() => JSON.parse(text));
  assert.equal(await available(), 1);
});
