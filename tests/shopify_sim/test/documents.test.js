'use strict';

/* The documents that the consumer sends (schemas/graphql) against Shopify's published schema, and what they cost. */

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { getDirectiveValues, parse } = require('graphql');
const { loadSchema } = require('../lib/schema');
const { Documents } = require('../lib/documents');
const { MAX_COST } = require('../lib/cost');

const FOLDER = path.join(__dirname, '..', '..', '..', 'schemas', 'graphql');

/* File, name of its one operation, root fields, points requested. */
const EXPECTED = [
  ['levels_read', 'LevelsRead', ['nodes'], 4],
  ['locations', 'Locations', ['locations'], 13],
  ['start_check', 'StartCheck', ['currentAppInstallation', 'publicApiVersions', 'shop'], 4],
  ['stock_set', 'StockSet', ['inventorySetQuantities'], 10],
  ['variants_page', 'VariantsPage', ['productVariants'], 24],
];

const { schema } = loadSchema();
const documents = new Documents(schema);

function read(name) {
  return fs.readFileSync(path.join(FOLDER, `${name}.graphql`), 'utf8');
}

test('every document of the folder is listed here', () => {
  const files = fs.readdirSync(FOLDER).filter((file) => file.endsWith('.graphql'));
  assert.deepEqual(files.sort(), EXPECTED.map(([name]) => `${name}.graphql`));
});

for (const [name, operationName, rootFields, cost] of EXPECTED) {
  test(`${name} fits the schema, uses nothing deprecated and costs ${cost} points`, () => {
    const entry = documents.get(read(name));
    assert.equal(entry.errors, undefined);
    assert.equal(entry.deprecated, null);
    assert.deepEqual([...entry.operations.keys()], [operationName]);
    const operation = entry.operations.get(operationName);
    assert.deepEqual(operation.fieldNames, rootFields);
    assert.equal(operation.requestedCost({}), cost);
    assert.ok(cost <= MAX_COST);
  });
}

test('the set is idempotent under the key of its variables', () => {
  const [operation] = parse(read('stock_set')).definitions;
  const [field] = operation.selectionSet.selections;
  const values = getDirectiveValues(schema.getDirective('idempotent'), field, { key: 'k', input: {} });
  assert.deepEqual({ ...values }, { key: 'k' });
});

test('a document with a field that the schema lacks is found out', () => {
  const broken = read('stock_set').replace('userErrors { field code message }', 'userErrors { field codes message }');
  assert.notEqual(documents.get(broken).errors, undefined);
});
