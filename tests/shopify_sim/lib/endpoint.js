'use strict';

/*
 * One GraphQL request from its arrival to its answer, in the order of checks that the README lists:
 * path, version, method, content type, token, switched-on faults, document, cost, execution. Or one asking for an
 * access token (oauth.js).
 */

const crypto = require('node:crypto');
const zlib = require('node:zlib');
const { execute } = require('graphql');
const { MAX_COST, actualCost, costBlock } = require('./cost');
const { wallUs } = require('./clock');
const { Documents } = require('./documents');
const { askedOf, userErrorsOf } = require('./faults');
const gid = require('./gid');
const { fingerprint } = require('./idempotency');
const { Entries, NO_ENTRIES } = require('./journal');
const { RequestRefused } = require('./refusals');
const { readProperty } = require('./resolvers');
const { servedVersion } = require('./versions');
const { readBody } = require('./body');
const { hashOf } = require('./hash');

const MAX_BODY_BYTES = 8 * 1024 * 1024;
const GZIP_FROM_CHARS = 64 * 1024;
const PATH = /^\/admin\/api\/([^/]+)\/graphql\.json$/;
const TOKEN_PATH = '/admin/oauth/access_token';
const TOKEN_LABEL = 'AccessToken';
const HTML =
  '<!DOCTYPE html><html><head><title>Something went wrong</title></head><body>Try again later.</body></html>';
const THROTTLED = {
  message: 'Throttled',
  extensions: { code: 'THROTTLED', documentation: 'https://shopify.dev/api/usage/rate-limits' },
};

const NO_FAULT = { terminal: null, modifiers: [] };

/** One request and its answer: what the steps below hand to each other. */
class Exchange {
  constructor(shop, { req, res, wire }, path, logged) {
    this.shop = shop;
    this.req = req;
    this.res = res;
    this.wire = wire;
    this.path = path;
    this.logged = logged;
    this.requestId = crypto.randomUUID();
    this.startedUs = wallUs();
    this.version = null;
    this.operation = null;
    this.variables = {};
    this.deprecated = null;
    this.delayMs = 0;
    this.costStyle = 'recorded';
    this.isRetiring = false;
    this.terminal = null;
  }
}

/* ---- answers ---- */

function headersOf(exchange, type) {
  const headers = { 'Content-Type': type, 'X-Request-Id': exchange.requestId };
  if (exchange.version !== null) headers['X-Shopify-API-Version'] = exchange.version;
  if (exchange.deprecated !== null) headers['X-Shopify-API-Deprecated-Reason'] = exchange.deprecated;
  return headers;
}

function write(exchange, status, headers, body) {
  const { res, req, wire, shop, terminal } = exchange;
  shop.stats.statuses[status] = (shop.stats.statuses[status] ?? 0) + 1;
  if (body.length >= GZIP_FROM_CHARS && /\bgzip\b/.test(req.headers['accept-encoding'] ?? '')) {
    body = zlib.gzipSync(body, { level: 1 });
    headers['Content-Encoding'] = 'gzip';
  }
  if (status === 204) body = ''; // has neither a body nor its length: over HTTP/2 that is a protocol error
  else headers['Content-Length'] = Buffer.byteLength(body);
  res.writeHead(status, headers);
  if (terminal?.kind === 'cut_body') {
    const bytes = Buffer.from(body);
    res.write(bytes.subarray(0, bytes.length >> 1), () => wire.cut());
  } else res.end(body);
  if (exchange.isRetiring) wire.retire(req);
}

function send(exchange, status, headers, body) {
  if (exchange.delayMs === 0) write(exchange, status, headers, body);
  else setTimeout(write, exchange.delayMs, exchange, status, headers, body);
}

/** Outside HTTP 200 "errors" is a text. */
function sendStatus(exchange, status, text, headers = {}) {
  const all = { ...headersOf(exchange, 'application/json; charset=utf-8'), ...headers };
  send(exchange, status, all, JSON.stringify({ errors: text }));
}

function sendHtml(exchange, status, headers) {
  send(exchange, status, { ...headersOf(exchange, 'text/html; charset=utf-8'), ...headers }, HTML);
}

/** {errors?, data?, search?, cost?} as an answer; data and cost are left out when undefined. cost is JSON text. */
function sendResult(exchange, { errors, data, search, cost }) {
  const parts = [];
  if (errors?.length > 0) parts.push(`"errors":${JSON.stringify(errors)}`);
  if (data !== undefined) parts.push(`"data":${JSON.stringify(data)}`);
  const extensions = [];
  if (search?.length > 0) extensions.push(`"search":${JSON.stringify(search)}`);
  if (cost !== undefined && exchange.costStyle !== 'none') extensions.push(`"cost":${cost}`);
  if (extensions.length > 0) parts.push(`"extensions":{${extensions.join(',')}}`);
  send(exchange, 200, headersOf(exchange, 'application/json; charset=utf-8'), `{${parts.join(',')}}`);
}

/** HTTP/2 knows no such header. */
function closing(req) {
  return req.stream === undefined ? { Connection: 'close' } : {};
}

function retryHeaders(fault) {
  const headers = {};
  if (fault.retryAfter !== undefined) headers['Retry-After'] = String(fault.retryAfter);
  if (fault.location !== undefined) headers.Location = fault.location;
  return headers;
}

/* ---- faults ---- */

/* Kinds that keep a request from being executed; the other two of them journal it by themselves. */
const UNEXECUTED = new Set([
  'hang',
  'reset_before',
  'stream_refused',
  'goaway',
  'auth_lost',
  'status',
  'html_5xx',
  'internal_error',
  'answer',
]);

/** Answers a fault that keeps the request from being executed; false for the other faults. */
function answerFault(exchange, fault) {
  if (fault.executed) return false;
  if (UNEXECUTED.has(fault.kind)) journalUnexecuted(exchange, 'unexecuted', []);
  switch (fault.kind) {
    case 'hang':
      return true;
    case 'reset_before':
      exchange.wire.reset();
      return true;
    case 'stream_refused':
      exchange.wire.refuse(exchange.req);
      return true;
    case 'goaway':
      exchange.wire.leave(exchange.req);
      return true;
    case 'auth_lost':
      exchange.shop.stats.wrongTokens++;
      sendStatus(exchange, 401, 'invalid access token');
      return true;
    case 'throttle':
      throttled(exchange);
      return true;
    case 'user_error':
      sendUserError(exchange, fault);
      return true;
    case 'status':
    case 'html_5xx':
    case 'internal_error':
    case 'answer':
      sendFailure(exchange, fault);
      return true;
    default:
      return false;
  }
}

function sendFailure(exchange, fault) {
  if (fault.kind === 'internal_error') {
    sendResult(exchange, {
      errors: [
        { message: 'internal error', extensions: { code: 'INTERNAL_SERVER_ERROR', requestId: exchange.requestId } },
      ],
    });
  } else if (fault.kind === 'answer') sendGiven(exchange, fault);
  else if (fault.kind === 'html_5xx') sendHtml(exchange, fault.status ?? 502, retryHeaders(fault));
  else sendStatus(exchange, fault.status ?? 503, fault.message ?? 'not available', retryHeaders(fault));
}

/** Status, headers and body as the test gave them; a body that is no text goes out as JSON. */
function sendGiven(exchange, { status = 200, body, headers = {} }) {
  const isText = typeof body === 'string';
  const all = headersOf(exchange, isText ? 'text/html; charset=utf-8' : 'application/json; charset=utf-8');
  send(exchange, status, { ...all, ...headers }, isText ? body : JSON.stringify(body));
}

/** A refusal with a code of the test's choice, also one that no schema knows. It burns the key as a real one does. */
function sendUserError(exchange, fault) {
  const { operation, shop, variables } = exchange;
  const name = operation?.fields[0].alias?.value ?? operation?.fieldNames[0] ?? 'inventorySetQuantities';
  const group = fault.filled ? { id: gid.format('InventoryAdjustmentGroup', shop.groupCount) } : null;
  const payload = { inventoryAdjustmentGroup: group, userErrors: userErrorsOf(fault, variables) };
  const key = operation?.keyOf(operation.fields[0], variables) ?? null;
  if (key !== null && !fault.code.startsWith('IDEMPOTENCY_')) {
    const print = fingerprint(operation.argumentText(operation.fields[0], variables));
    const { state, entry } = shop.keys.begin(key, print, shop.clock.nowMs(), exchange);
    if (state === 'new') shop.keys.settle(entry, 'failed', null);
  }
  journalUnexecuted(exchange, 'refused', payload.userErrors);
  sendResult(exchange, { data: { [name]: payload }, cost: cost(exchange, 10, 10) });
}

/** What an executed request's answer becomes; false when it is to be answered as it is. */
function loseAnswer(exchange) {
  switch (exchange.terminal?.kind) {
    case 'reset_after':
      exchange.wire.reset();
      return true;
    case 'stream_reset':
      exchange.wire.fail(exchange.req);
      return true;
    case 'executed_answer_lost':
      return true;
    case 'status':
    case 'html_5xx':
    case 'internal_error':
    case 'answer':
      sendFailure(exchange, exchange.terminal);
      return true;
    default:
      return false;
  }
}

/* ---- cost ---- */

function cost(exchange, requested, actual) {
  return costBlock(requested, actual, exchange.shop.bucket, performance.now(), exchange.costStyle);
}

/** What a set or an adjustment asked for, as far as it can be read; what the levels hold is not looked at. */
function entriesAsked(variables) {
  const { asked } = askedOf(variables);
  if (asked.length === 0) return NO_ENTRIES;
  const entries = new Entries(asked.length);
  asked.forEach((wanted, index) => {
    const { inventoryItemId, locationId, quantity, changeFromQuantity, delta } = wanted ?? {};
    const item = gid.parseItem(String(inventoryItemId));
    const location = gid.parseLocation(String(locationId));
    entries.set(index, item, location, quantity, changeFromQuantity, null, null, delta);
  });
  return entries;
}

/** Journals a mutation that did not come to execution. */
function journalUnexecuted(exchange, outcome, errors) {
  const { operation, shop, variables } = exchange;
  if (operation === null || !operation.isMutation) return;
  if (outcome !== 'unexecuted') shop.stats.mutations++;
  if (outcome === 'refused') shop.stats.refused++;
  for (const field of operation.fields) {
    shop.journal.add({
      seq: 0,
      at_us: wallUs(),
      startedAt_us: exchange.startedUs,
      operation: field.name.value,
      operationName: operation.name,
      key: operation.keyOf(field, variables),
      name: null,
      reason: null,
      reference: null,
      requestId: exchange.requestId,
      outcome,
      entries: entriesAsked(variables),
      errors,
      fault: exchange.terminal?.kind ?? null,
    });
  }
}

function throttled(exchange, requested = exchange.operation?.requestedCost({}) ?? 10) {
  exchange.shop.stats.throttled++;
  journalUnexecuted(exchange, 'throttled', [{ field: null, code: 'THROTTLED', message: 'Throttled' }]);
  sendResult(exchange, { errors: [THROTTLED], cost: cost(exchange, requested, null) });
}

/* ---- execution ---- */

/** Keys that are under way while the request waits: a second request with one of them meets CONCURRENT. */
function holdKeys(exchange, context) {
  const { shop, operation } = exchange;
  const held = [];
  for (const field of operation.fields) {
    const key = operation.keyOf(field, context.variables);
    if (key === null) continue;
    const print = fingerprint(operation.argumentText(field, context.variables));
    if (shop.keys.hold(key, print, shop.clock.nowMs(), context)) held.push(key);
    else context.concurrentKeys.push(key);
  }
  return held;
}

/** graphql-js's errors as they go out. Errors of our own making are a defect: said on stderr, answered as internal. */
function formatErrors(errors) {
  return errors.map((error) => {
    if (error.extensions.code !== undefined) return error.toJSON();
    console.error(error.originalError?.stack ?? error.stack);
    return { message: 'internal error', path: error.path, extensions: { code: 'INTERNAL_SERVER_ERROR' } };
  });
}

function run(exchange, schema, context, requested, held) {
  const { shop, operation } = exchange;
  const result = execute({
    schema,
    document: operation.document,
    contextValue: context,
    variableValues: context.variables,
    operationName: operation.name,
    fieldResolver: readProperty,
  });
  for (const key of held) shop.keys.release(key, context);
  const { bucket } = shop;
  if (result.data === undefined) {
    bucket.giveBack(requested, performance.now());
    const errors = operation.variableErrors(context.variables);
    journalUnexecuted(exchange, 'refused', [{ field: null, code: 'INVALID_VARIABLE', message: errors[0]?.message }]);
    sendResult(exchange, { errors: errors.length > 0 ? errors : formatErrors(result.errors) });
    return;
  }
  const whole = result.errors?.find((error) => error instanceof RequestRefused);
  if (whole !== undefined) {
    bucket.giveBack(requested, performance.now());
    if (!loseAnswer(exchange))
      sendResult(exchange, { errors: [whole.toJSON()], cost: cost(exchange, requested, null) });
    return;
  }
  const actual = isFlat(operation, requested) ? requested : actualCost(operation.node, result.data, operation);
  bucket.giveBack(Math.max(0, requested - actual), performance.now());
  if (loseAnswer(exchange)) return;
  sendResult(exchange, {
    errors: result.errors && formatErrors(result.errors),
    data: result.data,
    search: context.searches,
    cost: cost(exchange, requested, actual),
  });
}

/** A mutation that selects nothing with a price of its own costs the same whatever it answers. */
function isFlat(operation, requested) {
  return operation.isMutation && requested === 10 * operation.fields.length;
}

function admit(exchange, effect, schema) {
  const { shop, operation, variables } = exchange;
  const requested = operation.requestedCost(variables);
  if (requested > MAX_COST) {
    journalUnexecuted(exchange, 'refused', [{ field: null, code: 'MAX_COST_EXCEEDED', message: 'too expensive' }]);
    const message = `Query cost is ${requested}, which exceeds the single query max cost limit ${MAX_COST}`;
    sendResult(exchange, {
      errors: [{ message, extensions: { code: 'MAX_COST_EXCEEDED', cost: requested, maxCost: MAX_COST } }],
    });
    return;
  }
  if (!shop.bucket.take(requested, performance.now())) {
    throttled(exchange, requested);
    return;
  }
  const context = {
    shop,
    operation,
    variables,
    requestId: exchange.requestId,
    startedUs: exchange.startedUs,
    searches: [],
    concurrentKeys: [],
    fault: exchange.terminal?.kind ?? null,
  };
  if (effect.forgetsKeys) {
    for (const field of operation.fields) shop.keys.forget(operation.keyOf(field, variables));
  }
  const waitMs = shop.latencyMs + effect.executionMs;
  if (waitMs === 0) {
    run(exchange, schema, context, requested, []);
    return;
  }
  const held = operation.isMutation ? holdKeys(exchange, context) : [];
  setTimeout(run, waitMs, exchange, schema, context, requested, held);
}

/* ---- the steps before ---- */

function applyModifiers(exchange, modifiers) {
  const effect = { executionMs: 0, forgetsKeys: false };
  for (const fault of modifiers) {
    if (fault.kind === 'slow') exchange.delayMs += fault.delayMs;
    else if (fault.kind === 'slow_execution') effect.executionMs += fault.delayMs;
    else if (fault.kind === 'version') exchange.version = fault.version;
    else if (fault.kind === 'no_version') exchange.version = null;
    else if (fault.kind === 'retire') exchange.isRetiring = true;
    else if (fault.kind === 'forget_key') effect.forgetsKeys = true;
    else exchange.costStyle = { no_cost: 'none', integer_cost: 'integer', decimal_cost: 'decimal' }[fault.kind];
  }
  return effect;
}

/** What the switched-on faults make of the execution; null when one of them has answered. */
function meetFault(exchange, names) {
  const { shop } = exchange;
  const { terminal, modifiers } = shop.faults.isEmpty() ? NO_FAULT : shop.faults.fire(names, exchange.variables);
  for (const fault of [terminal, ...modifiers]) {
    if (fault !== null) shop.stats.faults[fault.kind] = (shop.stats.faults[fault.kind] ?? 0) + 1;
  }
  const effect = applyModifiers(exchange, modifiers);
  exchange.terminal = terminal;
  return terminal !== null && answerFault(exchange, terminal) ? null : effect;
}

/** The request's members, or null when the body is no request. */
function readRequest(body) {
  try {
    const request = JSON.parse(body.toString('utf8'));
    const { query, variables } = request;
    if (typeof query !== 'string') return null;
    if (variables !== undefined && variables !== null && typeof variables !== 'object') return null;
    return request;
  } catch {
    return null;
  }
}

/** Status and text of the first thing that is wrong with method, path, content type or token; null when nothing is. */
function refusal(exchange) {
  const { req, shop, path } = exchange;
  const match = PATH.exec(path);
  exchange.version = match === null ? null : servedVersion(match[1]);
  if (exchange.version === null) return [404, 'Not Found'];
  if (req.method !== 'POST') return [405, 'Method Not Allowed'];
  if (!/^application\/json\b/i.test(req.headers['content-type'] ?? '')) return [415, 'Unsupported Media Type'];
  if (!shop.app.accepts(req.headers['x-shopify-access-token'])) {
    shop.stats.wrongTokens++;
    return [401, 'invalid access token'];
  }
  return null;
}

/* ---- access tokens ---- */

/** An OAuth error as JSON, or as the page that a client gets which does not ask for JSON. */
function sendGrant(exchange, { status, json }) {
  if (status === 200) exchange.shop.stats.tokensIssued++;
  else exchange.shop.stats.tokensRefused++;
  if (status === 200 || /\bapplication\/json\b/.test(exchange.req.headers.accept ?? '')) {
    send(exchange, status, headersOf(exchange, 'application/json; charset=utf-8'), JSON.stringify(json));
    return;
  }
  const page = `<!DOCTYPE html><html><body>Oauth error ${json.error}: ${json.error_description}</body></html>`;
  send(exchange, status, headersOf(exchange, 'text/html; charset=utf-8'), page);
}

/** The log names the secret that arrived by its hash, like a token. */
function answerGrant(exchange, body) {
  const { shop, req, logged } = exchange;
  if (req.method !== 'POST') {
    sendStatus(exchange, 405, 'Method Not Allowed');
    return;
  }
  const secret = new URLSearchParams(body.toString('utf8')).get('client_secret');
  logged.operation = TOKEN_LABEL;
  logged.secretHash = secret === null ? null : hashOf(secret);
  shop.stats.requests[TOKEN_LABEL] = (shop.stats.requests[TOKEN_LABEL] ?? 0) + 1;
  if (meetFault(exchange, [TOKEN_LABEL]) !== null) {
    const granted = shop.app.grant(req.headers['content-type'], body, shop.scopes);
    if (!loseAnswer(exchange)) sendGrant(exchange, granted);
  }
}

/** What a resent mutation must have in common with the first one. */
function logMutation({ logged, operation, variables }, body) {
  logged.key = operation.keyOf(operation.fields[0], variables);
  logged.bodyHash = hashOf(body);
}

class Endpoint {
  constructor(schema) {
    this.schema = schema;
    this.documents = new Documents(schema);
  }

  /** `path` is the URL behind the shop's prefix, `logged` the request's entry in the log. Always answers, or ends the connection when a fault says so. */
  serve(shop, message, path, logged) {
    const exchange = new Exchange(shop, message, path, logged);
    shop.noteConnection(message.wire, message.req.httpVersion);
    readBody(message.req, MAX_BODY_BYTES, (error, body) => {
      if (error !== null) {
        if (error.status !== undefined) sendStatus(exchange, error.status, error.message, closing(message.req));
        return;
      }
      if (path === TOKEN_PATH) answerGrant(exchange, body);
      else this.answer(exchange, body);
    });
  }

  answer(exchange, body) {
    const { shop } = exchange;
    const wrong = refusal(exchange);
    if (wrong !== null) {
      sendStatus(exchange, ...wrong);
      return;
    }
    const request = readRequest(body);
    const entry = request === null ? null : this.documents.get(request.query);
    const isUsable = entry !== null && entry.errors === undefined;
    exchange.operation = isUsable ? Documents.choose(entry, request.operationName) : null;
    exchange.deprecated = entry?.deprecated ?? null;
    const { operation } = exchange;
    exchange.variables = request?.variables ?? {};
    const label = operation?.label ?? '(none)';
    exchange.logged.operation = label;
    if (operation?.isMutation) logMutation(exchange, body);
    shop.stats.requests[label] = (shop.stats.requests[label] ?? 0) + 1;
    const effect = meetFault(exchange, operation?.names ?? []);
    if (effect === null) return;
    if (request === null) sendStatus(exchange, 400, 'the body is no GraphQL request');
    else if (!isUsable) sendResult(exchange, { errors: entry.errors });
    else if (operation === null) {
      const message = 'operationName names no operation of the document';
      sendResult(exchange, { errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] });
    } else admit(exchange, effect, this.schema);
  }
}

module.exports = { Endpoint };
