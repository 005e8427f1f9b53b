'use strict';

/* The control API under /control: JSON in, JSON out; 400 with {"error": …} for input that makes no sense. */

const events = require('./events');
const { BadInput, need } = require('./input');
const { readBody } = require('./body');
const { view } = require('./view');

const MAX_BODY_BYTES = 500 * 1024 * 1024;
const CHUNK_CHARS = 1 << 20;

function levelJson(level) {
  return {
    item: level.item.id,
    sku: level.item.sku,
    location: level.location.id,
    locationName: level.location.name,
    available: level.available,
    on_hand: level.onHand,
    committed: level.committed,
    reserved: level.reserved,
    incoming: level.incoming,
    isActive: level.isActive,
    tracked: level.item.tracked,
    updatedAt: new Date(level.updatedMs).toISOString(),
  };
}

function statsJson(shop) {
  const { bucket } = shop;
  const currentlyAvailable = bucket.available(performance.now());
  return {
    ...shop.stats,
    upMs: Date.now() - shop.createdMs,
    items: shop.items.size,
    journal: shop.journal.records.length,
    points: {
      maximumAvailable: bucket.maximum,
      restoreRate: bucket.restoreRate,
      currentlyAvailable,
      charged: bucket.charged,
      restored: bucket.restored,
      unused: bucket.unused,
    },
  };
}

function shopJson(shop) {
  return { name: shop.name, domain: shop.domain, latencyMs: shop.latencyMs, scopes: shop.scopes };
}

/** Writes {"name":[…]} piece by piece: the text of a large list does not fit into one string. */
function sendList(res, name, items) {
  res.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8' });
  let text = `{"${name}":[`;
  let separator = '';
  for (const item of items) {
    text += separator + JSON.stringify(item);
    separator = ',';
    if (text.length >= CHUNK_CHARS) {
      res.write(text);
      text = '';
    }
  }
  res.end(`${text}]}`);
}

function sendJson(res, status, value) {
  const body = JSON.stringify(value);
  res.writeHead(status, {
    'Content-Type': 'application/json; charset=utf-8',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
  });
  res.end(body);
}

function* mapped(items, change) {
  for (const item of items) yield change(item);
}

function integer(text, name, fallback) {
  if (text === null) return fallback;
  const number = Number(text);
  need(Number.isInteger(number) && number >= 0, `${name} must be an integer, not '${text}'`);
  return number;
}

/* Routes of one shop: "METHOD word" -> what to do with {world, shop, input, query, rest, res}. */
const SHOP_ROUTES = {
  'POST catalogue'({ shop, input, res }) {
    shop.loadCatalogue(input);
    sendJson(res, 200, { locations: shop.locations.size, items: shop.items.size });
  },
  'POST app'({ shop, input, res }) {
    shop.changeApp(input);
    sendJson(res, 200, { installed: shop.app.isInstalled, scopes: shop.scopes, tokens: shop.app.issued.size });
  },
  'GET levels'({ shop, query, res }) {
    const sku = query.get('sku');
    const levels = mapped(shop.levels(), levelJson);
    sendList(res, 'levels', sku === null ? levels : [...levels].filter((level) => level.sku === sku));
  },
  'GET journal'({ shop, query, res }) {
    const after = integer(query.get('after'), 'after', 0);
    const limit = integer(query.get('limit'), 'limit', Infinity);
    sendList(res, 'journal', shop.journal.records.slice(after, after + limit));
  },
  'GET stats': ({ shop, res }) => sendJson(res, 200, statsJson(shop)),
  'POST orders': ({ shop, input, res }) => sendJson(res, 200, levelJson(events.order(shop, input))),
  'POST transfers': ({ shop, input, res }) => sendJson(res, 200, events.transfer(shop, input)),
  'POST edits': ({ shop, input, res }) => sendJson(res, 200, levelJson(events.edit(shop, input))),
  'POST levels': ({ shop, input, res }) => sendJson(res, 200, levelJson(events.changeLevel(shop, input))),
  'POST items'({ shop, input, res }) {
    const { id, sku, tracked } = events.changeItem(shop, input);
    sendJson(res, 200, { item: id, sku, tracked });
  },
  'POST locations'({ shop, input, res }) {
    const { id, name, isActive } = events.changeLocation(shop, input);
    sendJson(res, 200, { location: id, name, isActive });
  },
  'POST faults'({ shop, input, res }) {
    const wrong = shop.faults.add(input);
    need(wrong === null, wrong);
    sendJson(res, 200, { id: input.id });
  },
  'GET faults': ({ shop, res }) => sendJson(res, 200, { faults: shop.faults.list }),
  'DELETE faults'({ shop, rest, res }) {
    const found = shop.faults.remove(rest === undefined ? undefined : Number(rest));
    sendJson(res, found ? 200 : 404, found ? {} : { error: `no fault ${rest}` });
  },
  'POST bulk'({ shop, input, res }) {
    shop.bulk.switches = input;
    sendJson(res, 200, input);
  },
  'POST search'({ shop, input, res }) {
    need(Number.isFinite(input.lagMs) && input.lagMs >= 0, 'lagMs must not be negative');
    shop.searchLagMs = input.lagMs;
    sendJson(res, 200, { lagMs: shop.searchLagMs });
  },
};

const ROUTES = {
  'GET shops': ({ world, res }) => sendJson(res, 200, { shops: [...world.shops.values()].map(shopJson) }),
  'POST shops': ({ world, input, res }) => sendJson(res, 200, shopJson(world.putShop(input))),
  'GET requests': ({ world, res }) => sendList(res, 'requests', world.loggedRequests()),
  'GET view': ({ world, query, res }) =>
    sendJson(res, 200, {
      now: Date.now(),
      shops: [...world.shops.values()].map((shop) => ({
        ...shopJson(shop),
        stats: statsJson(shop),
        ...view(shop, {
          filter: query.get('filter') ?? '',
          order: query.get('order') ?? 'changes',
          limit: integer(query.get('limit'), 'limit', 100),
        }),
      })),
    }),
  'POST clock'({ world, input, res }) {
    need(Number.isFinite(input.advanceMs), 'advanceMs is missing');
    world.clock.advance(input.advanceMs);
    sendJson(res, 200, { offsetMs: world.clock.offsetMs });
  },
  'POST reset'({ world, res }) {
    world.reset();
    sendJson(res, 200, {});
  },
};

function route(world, req, res, input, url) {
  const [, , word, shopName, action, rest] = url.pathname.split('/').map(decodeURIComponent);
  const call = { world, input, query: url.searchParams, rest, res };
  if (word === 'shops' && action !== undefined) {
    call.shop = world.shops.get(shopName);
    const act = SHOP_ROUTES[`${req.method} ${action}`];
    if (call.shop === undefined) sendJson(res, 404, { error: `no shop '${shopName}'` });
    else if (act === undefined) sendJson(res, 404, { error: `no ${req.method} ${url.pathname}` });
    else act(call);
    return;
  }
  const act = shopName === undefined ? ROUTES[`${req.method} ${word}`] : undefined;
  if (act === undefined) sendJson(res, 404, { error: `no ${req.method} ${url.pathname}` });
  else act(call);
}

function parseInput(body) {
  if (body.length === 0) return {};
  let input;
  try {
    input = JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new BadInput(`the body is not JSON: ${error.message}`);
  }
  need(input !== null && typeof input === 'object' && !Array.isArray(input), 'the body must be a JSON object');
  return input;
}

function serveControl(world, req, res) {
  readBody(req, MAX_BODY_BYTES, (error, body) => {
    if (error !== null) {
      if (error.status !== undefined) sendJson(res, error.status, { error: error.message });
      return;
    }
    try {
      route(world, req, res, parseInput(body), new URL(req.url, 'http://localhost'));
    } catch (failure) {
      if (failure instanceof BadInput) sendJson(res, 400, { error: failure.message });
      else {
        console.error(failure.stack);
        if (!res.headersSent) sendJson(res, 500, { error: failure.message });
        else res.destroy();
      }
    }
  });
}

module.exports = { serveControl };
