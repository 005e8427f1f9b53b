#!/usr/bin/env node
'use strict';

/* graphql-js checks every object twice as long as this is not "production"; it reads it when it is loaded. */
process.env.NODE_ENV = 'production';

const { createApp, createServer } = require('./lib/app');

const USAGE = `usage: node tests/shopify_sim/server.js [--port N] [--host ADDRESS]

Simulates Shopify's Admin GraphQL API for several shops, in memory.
  --port N         port to listen on; 0 (the default) takes a free one
  --host ADDRESS   address to listen on (default 127.0.0.1)
  --help           this text

When it is ready it prints one line to stdout: {"url":"http://ADDRESS:PORT"}.
Shops are created by POST URL/control/shops; a shop's address is URL/shops/NAME. See README.md.
`;

function usageError(message) {
  process.stderr.write(`${message}\n\n${USAGE}`);
  process.exit(64);
}

function readArguments(argv) {
  const options = { port: 0, host: '127.0.0.1' };
  for (let i = 0; i < argv.length; i++) {
    const [name, attached] = argv[i].split(/=(.*)/s);
    if (name === '--help' || name === '-h') {
      process.stdout.write(USAGE);
      process.exit(0);
    }
    if (name !== '--port' && name !== '--host') usageError(`unknown argument '${argv[i]}'`);
    const value = attached ?? argv[++i];
    if (value === undefined) usageError(`${name} needs a value`);
    options[name.slice(2)] = value;
  }
  options.port = Number(options.port);
  if (!Number.isInteger(options.port) || options.port < 0 || options.port > 65535) {
    usageError('--port must be 0 to 65535');
  }
  return options;
}

function main() {
  const { port, host } = readArguments(process.argv.slice(2));
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
  const server = createServer(createApp());
  server.on('error', (error) => {
    process.stderr.write(`cannot listen on ${host}:${port}: ${error.message}\n`);
    process.exit(69);
  });
  server.listen(port, host, () => {
    const address = server.address();
    const shown = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    process.stdout.write(`${JSON.stringify({ url: `http://${shown}:${address.port}` })}\n`);
  });
}

main();
