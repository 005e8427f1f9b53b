'use strict';

/*
 * Bulk queries: the text is executed over whole connections, the result becomes a file of JSON lines in random order,
 * children beside their parents by __parentId. Files lie on another port than the API, as Shopify's lie on another
 * host; what arrives there is logged with all other requests.
 */

const http = require('node:http');
const { execute, parse, validate } = require('graphql');
const { bulkProblem } = require('./bulk_rules');
const gid = require('./gid');

const MAX_RUNNING = 5;
const FIRST_NUMBER = 6001;
const ENDED = ['COMPLETED', 'FAILED', 'CANCELED', 'EXPIRED'];

/** The other host. It listens once the first file is there. */
class Files {
  constructor(world) {
    this.world = world;
    this.files = new Map();
    this.server = null;
  }

  add(path, file) {
    this.files.set(path, file);
    if (this.server !== null) return;
    this.server = http.createServer((req, res) => this.serve(req, res));
    this.server.on('connection', (socket) => this.world.wires.add(socket));
    this.server.listen(0, '127.0.0.1');
    this.server.unref();
  }

  /** null: not yet. */
  urlOf(path) {
    return this.server?.listening ? `http://127.0.0.1:${this.server.address().port}${path}` : null;
  }

  serve(req, res) {
    const file = this.files.get(req.url);
    const wire = this.world.wires.of(req);
    if (wire === undefined) return;
    this.world.logRequest(req, wire, null, res);
    if (file === undefined || file.status !== 200) {
      res.writeHead(file?.status ?? 404);
      res.end('<html>no such file</html>');
      return;
    }
    res.writeHead(200, { 'Content-Type': 'application/jsonl' });
    if (file.cuts-- > 0) {
      res.write(file.text.slice(0, file.text.length >> 1), () => res.socket?.destroy());
    } else res.end(file.text);
  }
}

function isConnection(value) {
  return value !== null && typeof value === 'object' && Array.isArray(value.edges);
}

/** One line for each node; connections inside become lines of their own. */
function* linesOf(connection, parentId) {
  for (const { node } of connection.edges) {
    const line = {};
    const children = [];
    for (const [name, value] of Object.entries(node)) {
      if (isConnection(value)) children.push(value);
      else line[name] = value;
    }
    if (parentId !== null) line.__parentId = parentId;
    yield JSON.stringify(line);
    for (const child of children) yield* linesOf(child, node.id);
  }
}

function shuffle(lines) {
  for (let i = lines.length - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [lines[i], lines[other]] = [lines[other], lines[i]];
  }
  return lines;
}

class Operation {
  constructor(number, document, query) {
    this.number = number;
    this.document = document;
    this.query = query;
    this.id = gid.format('BulkOperation', number);
    this.type = 'QUERY';
    this.status = 'CREATED';
    this.errorCode = null;
    this.objectCount = '0';
    this.rootObjectCount = '0';
    this.fileSize = null;
    this.url = null;
    this.partialDataUrl = null;
    this.polls = 0;
    this.path = null;
  }
}
Operation.prototype.__typename = 'BulkOperation';

/** The bulk operations of one shop. */
class Bulk {
  constructor() {
    this.operations = new Map();
    this.switches = {};
  }

  running() {
    return [...this.operations.values()].filter(({ status }) => !ENDED.includes(status)).length;
  }
}

function refusal(code, message) {
  const field = code === 'INVALID' ? ['query'] : null;
  return { bulkOperation: null, userErrors: [{ code, field, message }] };
}

function start({ bulk }, schema, query) {
  if (bulk.running() >= MAX_RUNNING) return refusal('OPERATION_IN_PROGRESS', 'five are running');
  let document;
  try {
    document = parse(query);
  } catch (error) {
    return refusal('INVALID', error.message);
  }
  const [error] = validate(schema, document);
  const problem = error?.message ?? bulkProblem(schema, document);
  if (problem !== null) return refusal('INVALID', problem);
  const operation = new Operation(FIRST_NUMBER + bulk.operations.size, document, query);
  bulk.operations.set(operation.number, operation);
  return { bulkOperation: operation, userErrors: [] };
}

function run(shop, schema, operation, fieldResolver) {
  const { data, errors } = execute({
    schema,
    document: operation.document,
    contextValue: { shop, searches: [], isBulk: true },
    fieldResolver,
  });
  if (errors?.length > 0) throw errors[0];
  const connections = Object.values(data).filter(isConnection);
  operation.rootObjectCount = String(connections.reduce((sum, { edges }) => sum + edges.length, 0));
  return connections.flatMap((connection) => [...linesOf(connection, null)]);
}

/** A poll: after some of them (switch `polls`) the operation has ended as the switches say. */
function poll(shop, schema, operation, fieldResolver) {
  const { polls = 2, status = 'COMPLETED', cuts = 0, fileStatus = 200 } = shop.bulk.switches;
  if (ENDED.includes(operation.status)) return operation;
  operation.status = 'RUNNING';
  if (++operation.polls < polls) return operation;
  if (operation.path === null) {
    const lines = shuffle(run(shop, schema, operation, fieldResolver));
    operation.objectCount = String(lines.length);
    const kept = status === 'COMPLETED' ? lines : lines.slice(0, lines.length >> 1);
    const text = kept.map((line) => `${line}\n`).join('');
    operation.path = `/bulk-${shop.name}-${operation.number}.jsonl?signature=x`;
    operation.fileSize = text === '' ? null : String(Buffer.byteLength(text));
    shop.files.add(operation.path, { text, cuts, status: fileStatus });
  }
  const url = shop.files.urlOf(operation.path);
  if (url === null) return operation;
  operation.status = status;
  if (operation.fileSize !== null) operation[status === 'COMPLETED' ? 'url' : 'partialDataUrl'] = url;
  if (status === 'FAILED') operation.errorCode = 'INTERNAL_SERVER_ERROR';
  return operation;
}

module.exports = { Bulk, Files, poll, start };
