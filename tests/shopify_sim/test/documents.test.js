'use strict';

/*
 * The documents that the consumer sends (schemas/graphql), with their variables (tests/data/graphql), against Shopify's
 * published schemas, and what they cost. The variables of StockSet, StockAdjust and LevelsRead are the bytes that the
 * consumer's own unit test (tests/unit/shopify/test_inventory.c) compares its with.
 */

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { getDirectiveValues, parse } = require('graphql');
const { getVariableValues } = require('graphql/execution/values');
const { loadSchema, schemaFile } = require('../lib/schema');
const { Documents } = require('../lib/documents');
const { MAX_COST } = require('../lib/cost');

const ROOT = path.join(__dirname, '..', '..', '..');
const FOLDER = path.join(ROOT, 'schemas', 'graphql');
const VARIABLES = path.join(ROOT, 'tests', 'data', 'graphql');

/* Those that may be configured: the oldest with the directive and changeFromQuantity compulsory, up to ours. */
const VERSIONS = ['2026-04', '2026-07', '2026-10'];

/* File, name of its one operation, root fields, points requested. */
const EXPECTED = [
  ['bulk_poll', 'BulkPoll', ['bulkOperation'], 1],
  ['bulk_start', 'BulkStart', ['bulkOperationRunQuery'], 10],
  ['bulk_variants', 'BulkVariants', ['productVariants'], null],
  ['item_track', 'ItemTrack', ['inventoryItemUpdate'], 11],
  ['level_activate', 'LevelActivate', ['inventoryActivate'], 11],
  ['levels_read', 'LevelsRead', ['nodes'], 4],
  ['locations', 'Locations', ['locations'], 13],
  ['start_check', 'StartCheck', ['currentAppInstallation', 'publicApiVersions', 'shop'], 4],
  ['stock_adjust', 'StockAdjust', ['inventoryAdjustQuantities'], 10],
  ['stock_set', 'StockSet', ['inventorySetQuantities'], 10],
  ['variants_count', 'VariantsCount', ['productVariantsCount'], 1],
  ['variants_page', 'VariantsPage', ['productVariants'], 24],
  ['variants_search', 'VariantsSearch', ['productVariants'], 24],
];

const schemas = new Map(VERSIONS.map((version) => [version, loadSchema(schemaFile(version)).schema]));
const schema = schemas.get('2026-10');
const documents = new Documents(schema);

function read(name) {
  return fs.readFileSync(path.join(FOLDER, `${name}.graphql`), 'utf8');
}

function readVariables(name) {
  return JSON.parse(fs.readFileSync(path.join(VARIABLES, `${name}.json`), 'utf8'));
}

/** Messages of what is wrong with the variables of a document's one operation. */
function variableErrors(inSchema, name, variables) {
  const [operation] = parse(read(name)).definitions;
  const { errors = [] } = getVariableValues(inSchema, operation.variableDefinitions ?? [], variables);
  return errors.map((error) => error.message);
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
    if (cost === null) return; /* a bulk operation's text: executed without points */
    assert.equal(operation.requestedCost({}), cost);
    assert.ok(cost <= MAX_COST);
  });
}

for (const version of VERSIONS) {
  const kept = new Documents(schemas.get(version));
  for (const [name, operationName, rootFields] of EXPECTED) {
    test(`${name} and its variables fit the schema of ${version}`, () => {
      const entry = kept.get(read(name));
      assert.equal(entry.errors, undefined);
      assert.equal(entry.deprecated, null);
      assert.deepEqual(entry.operations.get(operationName).fieldNames, rootFields);
      assert.deepEqual(variableErrors(schemas.get(version), name, readVariables(name)), []);
    });
  }

  test(`variables that do not fit the schema of ${version} are found out`, () => {
    const more = readVariables('stock_set');
    more.input.ignoreCompareQuantity = true;
    const text = readVariables('stock_set');
    text.input.quantities[0].quantity = '12';
    const less = readVariables('stock_set');
    delete less.input.quantities[1].locationId;
    const none = readVariables('levels_read');
    delete none.location;
    for (const variables of [more, text, less]) {
      assert.equal(variableErrors(schemas.get(version), 'stock_set', variables).length, 1);
    }
    assert.equal(variableErrors(schemas.get(version), 'levels_read', none).length, 1);
  });
}

test('what no schema asks for and the server does: changeFromQuantity stands in every entry', () => {
  for (const entry of readVariables('stock_set').input.quantities) assert.ok('changeFromQuantity' in entry);
  for (const entry of readVariables('stock_adjust').input.changes) assert.ok('changeFromQuantity' in entry);
});

test('the list of user error codes is that of every version that may be configured', () => {
  const codes = new Set();
  for (const one of schemas.values()) {
    for (const { name } of one.getType('InventorySetQuantitiesUserErrorCode').getValues()) codes.add(name);
  }
  const listed = fs.readFileSync(path.join(VARIABLES, 'user_error_codes.txt'), 'utf8');
  assert.equal(listed, [...codes].sort().map((code) => `${code}\n`).join(''));
});

test('the query of a bulk operation is the file with its text', () => {
  assert.equal(readVariables('bulk_start').query, read('bulk_variants'));
});

test('set and adjustment are idempotent under the key of their variables', () => {
  for (const name of ['stock_set', 'stock_adjust']) {
    const [operation] = parse(read(name)).definitions;
    const [field] = operation.selectionSet.selections;
    const values = getDirectiveValues(schema.getDirective('idempotent'), field, { key: 'k', input: {} });
    assert.deepEqual({ ...values }, { key: 'k' });
  }
});

test('a document with a field that the schema lacks is found out', () => {
  const broken = read('stock_set').replace('userErrors { field code message }', 'userErrors { field codes message }');
  assert.notEqual(documents.get(broken).errors, undefined);
});
