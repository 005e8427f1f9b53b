'use strict';

/* One HTTP listener for all: /shops/<shop>/… is a shop's host, /control/… the control API, / the page. */

const fs = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { graphqlSync } = require('graphql');
const { serveControl } = require('./control');
const { Endpoint } = require('./endpoint');
const { attachResolvers } = require('./resolvers');
const { loadSchema } = require('./schema');
const { World } = require('./world');

const PAGE = fs.readFileSync(path.join(__dirname, '..', 'page.html'));

function sendPage(res) {
  res.writeHead(200, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': PAGE.length,
    'Content-Security-Policy':
      "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'",
  });
  res.end(PAGE);
}

function sendNotFound(req, res) {
  req.resume();
  res.writeHead(404, { 'Content-Type': 'application/json; charset=utf-8' });
  res.end('{"errors":"Not Found"}');
}

/** {world, handle(req, res)}: everything but the listener, so that another one (TLS) can share it. */
function createApp() {
  const described = loadSchema();
  attachResolvers(described);
  const world = new World();
  const endpoint = new Endpoint(described.schema);
  graphqlSync({ schema: described.schema, source: '{ __typename }' }); /* the first execution is slow */

  function handle(req, res) {
    const { url } = req;
    if (url.startsWith('/shops/')) {
      const end = url.indexOf('/', 7);
      const name = end < 0 ? url.slice(7) : url.slice(7, end);
      const shop = world.shops.get(name);
      const logged = world.logRequest(req, shop === undefined ? null : name, res);
      if (shop === undefined) sendNotFound(req, res);
      else endpoint.serve(shop, req, res, end < 0 ? '' : url.slice(end), logged);
      return;
    }
    if (url.startsWith('/control/')) {
      serveControl(world, req, res);
      return;
    }
    world.logRequest(req, null, res);
    if (url === '/' && req.method === 'GET') sendPage(res);
    else sendNotFound(req, res);
  }

  return { world, handle };
}

function createServer(app) {
  const server = http.createServer({ noDelay: true, keepAlive: true }, app.handle);
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  return server;
}

module.exports = { createApp, createServer };
