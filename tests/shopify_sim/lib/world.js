'use strict';

/* Everything that exists: the shops, the clock that tests move, and the log of all requests that arrived. */

const { Files } = require('./bulk');
const { Clock, wallUs } = require('./clock');
const { hashOf } = require('./hash');
const { Shop } = require('./shop');
const { Wires } = require('./wire');

const LOGGED_REQUESTS = 10000;

class World {
  constructor() {
    this.clock = new Clock();
    this.hashes = new Map();
    this.wires = new Wires();
    this.files = new Files((req, shopName, res) => this.logRequest(req, shopName, res));
    this.reset();
  }

  reset() {
    this.shops = new Map();
    this.requests = [];
    this.requestCount = 0;
    this.hashes.clear();
    this.clock.reset();
  }

  putShop(given) {
    const shop = new Shop(given, this.clock);
    shop.files = this.files;
    this.shops.set(shop.name, shop);
    return shop;
  }

  hashOf(token) {
    if (token === undefined) return null;
    if (!this.hashes.has(token)) {
      if (this.hashes.size >= 1000) this.hashes.clear();
      this.hashes.set(token, hashOf(token));
    }
    return this.hashes.get(token);
  }

  /** Logs a request at its arrival; the status is filled in when it is answered, null means it was not. */
  logRequest(req, wire, shopName, res) {
    const entry = {
      at_us: wallUs(),
      method: req.method,
      path: req.url,
      host: req.headers.host ?? req.headers[':authority'] ?? null,
      connection: wire.number,
      protocol: req.httpVersion,
      shop: shopName,
      tokenHash: this.hashOf(req.headers['x-shopify-access-token']),
      secretHash: null,
      operation: null,
      key: null,
      bodyHash: null,
      status: null,
    };
    this.requests[this.requestCount++ % LOGGED_REQUESTS] = entry;
    res.on('finish', () => (entry.status = res.statusCode));
    return entry;
  }

  loggedRequests() {
    const start = this.requestCount > LOGGED_REQUESTS ? this.requestCount % LOGGED_REQUESTS : 0;
    return [...this.requests.slice(start), ...this.requests.slice(0, start)];
  }
}

module.exports = { World };
