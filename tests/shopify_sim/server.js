#!/usr/bin/env node
'use strict';

/* graphql-js checks every object twice as long as this is not "production"; it reads it when it is loaded. */
process.env.NODE_ENV = 'production';

const fs = require('node:fs');
const { createApp, createServer, createTlsServer } = require('./lib/app');

const USAGE = `usage: node tests/shopify_sim/server.js [--port N] [--host ADDRESS] [--cert FILE --key FILE [--tls-port N] [--http1]]

Simulates Shopify's Admin GraphQL API for several shops, in memory.
  --port N         port to listen on; 0 (the default) takes a free one
  --host ADDRESS   address to listen on (default 127.0.0.1)
  --cert FILE      certificate and its chain, PEM: listens for HTTP/2 and HTTP/1.1 over TLS as well
  --key FILE       the certificate's private key, PEM
  --tls-port N     port for TLS; 0 (the default) takes a free one
  --http1          no HTTP/2 over TLS
  --help           this text

When it is ready it prints one line to stdout: {"url":"http://ADDRESS:PORT","tlsUrl":"https://ADDRESS:PORT"}.
Shops are created by POST URL/control/shops; a shop's address is URL/shops/NAME. See README.md.
`;

const VALUES = ['port', 'host', 'cert', 'key', 'tls-port'];

function usageError(message) {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exit(64);
}

function portOf(options, name) {
  const port = Number(options[name]);
  if (!Number.isInteger(port) || port < 0 || port > 65535) usageError(`--${name} must be 0 to 65535`);
  return port;
}

function readArguments(argv) {
  const options = { port: 0, host: '127.0.0.1', 'tls-port': 0, http1: false };
  for (let i = 0; i < argv.length; i++) {
    const [flag, attached] = argv[i].split(/=(.*)/s);
    const name = flag.replace(/^--/, '');
    if (flag === '--help' || flag === '-h') {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (flag === '--http1') {
      options.http1 = true;
      continue;
    }
    if (!flag.startsWith('--') || !VALUES.includes(name)) usageError(`unknown argument '${argv[i]}'`);
    options[name] = attached ?? argv[++i];
    if (options[name] === undefined) usageError(`${flag} needs a value`);
  }
  if ((options.cert === undefined) !== (options.key === undefined)) usageError('--cert and --key belong together');
  return options;
}

/** Listens and hands the listener's URL to `done`. */
function listen(server, scheme, port, host, done) {
  server.on('error', (error) => {
    process.stderr.write(`cannot listen on ${host}:${port}: ${error.message}\n`);
    process.exit(69);
  });
  server.listen(port, host, () => {
    const address = server.address();
    const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    done(`${scheme}://${shown}:${address.port}`);
  });
}

function readPem(file) {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    return usageError(`cannot read ${file}: ${error.message}`);
  }
}

function main() {
  const options = readArguments(process.argv.slice(2));
  const { host } = options;
  const app = createApp();
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
  listen(createServer(app), 'http', portOf(options, 'port'), host, (url) => {
    const ready = (urls) => process.stdout.write(`${JSON.stringify({ url, ...urls })}\n`);
    if (options.cert === undefined) {
      ready({});
      return;
    }
    const identity = { cert: readPem(options.cert), key: readPem(options.key), isHttp1Only: options.http1 };
    const tlsPort = portOf(options, 'tls-port');
    listen(createTlsServer(app, identity), 'https', tlsPort, host, (tlsUrl) => ready({ tlsUrl }));
  });
}

main();
