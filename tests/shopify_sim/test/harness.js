'use strict';

/* A simulator in this process, a client for it, and the documents of the real client. */

const http = require('node:http');
const { once } = require('node:events');
const { createApp, createServer } = require('../lib/app');

const DOCUMENTS = {
  StockSet: `mutation StockSet($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { inventoryAdjustmentGroup { id } userErrors { field code message } } }`,
  StockAdjust: `mutation StockAdjust($input: InventoryAdjustQuantitiesInput!, $key: String!) {
  inventoryAdjustQuantities(input: $input) @idempotent(key: $key) { inventoryAdjustmentGroup { id } userErrors { field code message } } }`,
  LevelsRead: `query LevelsRead($ids: [ID!]!, $location: ID!) {
  nodes(ids: $ids) { ... on InventoryItem { id sku tracked
    inventoryLevel(locationId: $location, includeInactive: true) {
      id isActive quantities(names: ["available", "on_hand", "committed"]) { name quantity updatedAt } } } } }`,
  VariantsBySku: `query VariantsBySku($q: String!, $after: String) {
  productVariants(first: 250, after: $after, query: $q) {
    nodes { id sku barcode requiresComponents inventoryItem { id sku tracked duplicateSkuCount } }
    pageInfo { hasNextPage endCursor } } }`,
  Locations: `query Locations($after: String) {
  locations(first: 250, after: $after, includeInactive: true) {
    nodes { id name isActive isFulfillmentService fulfillsOnlineOrders } pageInfo { hasNextPage endCursor } } }`,
  LevelActivate: `mutation LevelActivate($item: ID!, $location: ID!, $available: Int, $onHand: Int, $key: String!) {
  inventoryActivate(inventoryItemId: $item, locationId: $location, available: $available, onHand: $onHand) @idempotent(key: $key) {
    inventoryLevel { id isActive quantities(names: ["available", "on_hand"]) { name quantity } } userErrors { field message } } }`,
  ItemTrack: `mutation ItemTrack($id: ID!) {
  inventoryItemUpdate(id: $id, input: {tracked: true}) { inventoryItem { id tracked } userErrors { field message } } }`,
  StartCheck: `query StartCheck { currentAppInstallation { accessScopes { handle } } publicApiVersions { handle supported }
  shop { id myshopifyDomain } }`,
};

const TOKEN = 'shpat_right';

const CATALOGUE = {
  locations: [
    { id: 7001, name: 'Shop location' },
    { id: 7002, name: 'Closed depot', isActive: false },
    { id: 7003, name: 'Annex' },
  ],
  items: [
    { id: 4401, sku: 'ABC-1', barcode: '4001', levels: [{ location: 7001, available: 15, committed: 3 }] },
    {
      id: 4402,
      sku: 'ABC-2',
      levels: [
        { location: 7001, available: 4 },
        { location: 7003, available: 7, isActive: false },
      ],
    },
    { id: 4403, sku: 'ABC-3', tracked: false },
    { id: 4404, sku: 'KIT-1', requiresComponents: true, levels: [{ location: 7001, available: 1 }] },
  ],
};

function itemId(number) {
  return `gid://shopify/InventoryItem/${number}`;
}

function locationId(number) {
  return `gid://shopify/Location/${number}`;
}

/** One entry of a set: item and location as numbers. */
function entry(item, location, quantity, changeFromQuantity = null) {
  return { inventoryItemId: itemId(item), locationId: locationId(location), quantity, changeFromQuantity };
}

class Simulator {
  async start() {
    this.app = createApp();
    this.server = createServer(this.app);
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = this.server.address().port;
    this.agent = new http.Agent({ keepAlive: true });
    this.keyCount = 0;
  }

  async stop() {
    this.agent.destroy();
    this.server.close();
    this.server.closeAllConnections();
  }

  /** {status, headers, text, json}; rejects when the connection ends early. */
  request(method, path, body, headers = {}) {
    return new Promise((resolve, reject) => {
      const { agent, port } = this;
      const request = http.request({ host: '127.0.0.1', port, agent, method, path, headers }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('error', reject);
        response.on('aborted', () => reject(new Error('cut')));
        response.on('end', () => {
          const bytes = Buffer.concat(chunks);
          const text = bytes.toString('utf8');
          const isJson = /json/.test(response.headers['content-type'] ?? '') && !response.headers['content-encoding'];
          resolve({
            status: response.statusCode,
            headers: response.headers,
            bytes,
            text,
            json: isJson ? JSON.parse(text) : null,
          });
        });
      });
      request.on('error', reject);
      if (body !== undefined) request.write(typeof body === 'string' ? body : JSON.stringify(body));
      request.end();
      this.lastRequest = request;
    });
  }

  async control(method, path, body) {
    const answer = await this.request(method, `/control${path}`, body);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.json;
  }

  async newShop(name, options = {}, catalogue = CATALOGUE) {
    await this.control('POST', '/shops', { name, token: TOKEN, ...options });
    await this.control('POST', `/shops/${name}/catalogue`, catalogue);
    return new Client(this, name);
  }

  nextKey() {
    return `key-${++this.keyCount}`;
  }
}

class Client {
  constructor(simulator, shop) {
    this.simulator = simulator;
    this.shop = shop;
    this.version = '2026-10';
    this.headers = { 'Content-Type': 'application/json', 'X-Shopify-Access-Token': TOKEN };
  }

  post(body, headers = {}) {
    const path = `/shops/${this.shop}/admin/api/${this.version}/graphql.json`;
    return this.simulator.request('POST', path, body, { ...this.headers, ...headers });
  }

  /** Sends one of the documents above, or a text. */
  send(document, variables = {}, headers = {}) {
    const query = DOCUMENTS[document] ?? document;
    const body = { query, variables };
    if (DOCUMENTS[document]) body.operationName = document;
    return this.post(body, headers);
  }

  async ask(document, variables) {
    return (await this.send(document, variables)).json;
  }

  /** inventorySetQuantities; members overrides those of input, key is fresh unless given. */
  set(quantities, members = {}, key = this.simulator.nextKey()) {
    return this.ask('StockSet', { key, input: { name: 'available', reason: 'correction', quantities, ...members } });
  }

  async level(item, location) {
    const { levels } = await this.simulator.control('GET', `/shops/${this.shop}/levels`);
    return levels.find((level) => level.item === item && level.location === location) ?? null;
  }

  async journal(after = 0) {
    return (await this.simulator.control('GET', `/shops/${this.shop}/journal?after=${after}`)).journal;
  }

  stats() {
    return this.simulator.control('GET', `/shops/${this.shop}/stats`);
  }

  /** Waits until a fault of this kind has fired once. */
  async fired(kind) {
    const deadline = Date.now() + 5000;
    while ((await this.stats()).faults[kind] !== 1) {
      if (Date.now() > deadline) throw new Error(`the fault ${kind} did not fire`);
    }
  }

  fault(fault) {
    return this.simulator.control('POST', `/shops/${this.shop}/faults`, fault);
  }
}

/** A simulator for one test file: started and stopped with it. */
function useSimulator({ before, after }) {
  const simulator = new Simulator();
  before(() => simulator.start());
  after(() => simulator.stop());
  return simulator;
}

module.exports = { CATALOGUE, DOCUMENTS, TOKEN, entry, itemId, locationId, useSimulator };
