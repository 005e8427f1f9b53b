'use strict';

/*
 * One application behind each listener, plain or TLS: /shops/<shop>/… is a shop's host, /control/… the control API,
 * / the page.
 */

const fs = require('node:fs');
const http = require('node:http');
const http2 = require('node:http2');
const https = require('node:https');
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

/** {world, handle(req, res)}: everything but the listeners. */
function createApp() {
  const described = loadSchema();
  attachResolvers(described);
  const world = new World();
  const endpoint = new Endpoint(described.schema);
  graphqlSync({ schema: described.schema, source: '{ __typename }' }); /* the first execution is slow */

  function handle(req, res) {
    const { url } = req;
    const wire = world.wires.of(req);
    if (!wire?.admits(req)) {
      req.resume();
      return;
    }
    if (url.startsWith('/shops/')) {
      const end = url.indexOf('/', 7);
      const name = end < 0 ? url.slice(7) : url.slice(7, end);
      const shop = world.shops.get(name);
      const logged = world.logRequest(req, wire, shop === undefined ? null : name, res);
      if (shop === undefined) sendNotFound(req, res);
      else endpoint.serve(shop, { req, res, wire }, end < 0 ? '' : url.slice(end), logged);
      return;
    }
    if (url.startsWith('/control/')) {
      serveControl(world, req, res);
      return;
    }
    world.logRequest(req, wire, null, res);
    if (url === '/' && req.method === 'GET') sendPage(res);
    else sendNotFound(req, res);
  }

  return { world, handle };
}

/** Connections stay open; the application knows each of them. */
function prepare(server, app) {
  server.keepAliveTimeout = 0;
  server.requestTimeout = 0;
  server.on('connection', (socket) => app.world.wires.add(socket));
  return server;
}

function createServer(app) {
  return prepare(http.createServer({ noDelay: true, keepAlive: true }, app.handle), app);
}

/** HTTP/2 and HTTP/1.1 over TLS, or HTTP/1.1 alone. cert and key are PEM texts. */
function createTlsServer(app, { cert, key, isHttp1Only = false }) {
  const options = { cert, key, noDelay: true, keepAlive: true, minVersion: 'TLSv1.2' };
  if (isHttp1Only) return prepare(https.createServer(options, app.handle), app);
  const server = http2.createSecureServer({ ...options, allowHTTP1: true }, app.handle);
  server.on('session', (session) => session.on('error', () => {})); /* clients may go away at any time */
  return prepare(server, app);
}

module.exports = { createApp, createServer, createTlsServer };
