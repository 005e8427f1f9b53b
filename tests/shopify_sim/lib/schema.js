'use strict';

/*
 * Shopify's published schema (an introspection result with extra keys) as a graphql-js schema, plus the
 * access scopes that it states as text: "`read_inventory` access scope or `read_products` access scope."
 */

const fs = require('node:fs');
const path = require('node:path');
const zlib = require('node:zlib');
const { buildClientSchema, GraphQLError, valueFromASTUntyped } = require('graphql');

const EXECUTED = '2026-10';

/** Where tests/shopify_sim/setup puts the schema of a version. */
function schemaFile(version) {
  return path.join(__dirname, '..', '.schema', `admin_${version}.json.gz`);
}

function scopesOf(text) {
  if (!text) return null;
  const sentence = text.split(' Also:')[0].trim();
  const anyOf = [...sentence.matchAll(/`([a-z_]+)`/g)].map((match) => match[1]);
  return anyOf.length === 0 ? null : { anyOf, text: sentence };
}

const GLOBAL_ID = /^gid:\/\/[A-Za-z0-9-]+\/[A-Za-z]+\/\S+$/;

/** Every id is global. What only looks like one of another shop is found nowhere; a bare number is no id at all. */
function parseId(value) {
  const id = String(value);
  if (!GLOBAL_ID.test(id)) throw new GraphQLError(`Invalid global id '${id}'`);
  return id;
}

function refuseOtherIds(schema) {
  const type = schema.getType('ID');
  type.parseValue = parseId;
  type.parseLiteral = (node) => parseId(valueFromASTUntyped(node));
}

function loadSchema(file = schemaFile(EXECUTED)) {
  let packed;
  try {
    packed = fs.readFileSync(file);
  } catch (error) {
    throw new Error(`cannot read the schema (${error.code}): run tests/shopify_sim/setup first`);
  }
  const { data } = JSON.parse(zlib.gunzipSync(packed).toString('utf8'));
  const schema = buildClientSchema(data, { assumeValid: true });
  refuseOtherIds(schema);
  const types = new Map();
  for (const type of data.__schema.types) {
    const fields = new Map();
    for (const field of type.fields ?? []) {
      const scopes = scopesOf(field.requiredAccess);
      if (scopes !== null) fields.set(field.name, scopes);
    }
    types.set(type.name, { scopes: scopesOf(type.requiredAccess), fields });
  }
  return {
    schema,
    /** Scopes that a field asks for, each {anyOf, text}: its own, and those of the type it returns. */
    requiredAccess(typeName, fieldName, returnedTypeName) {
      return [types.get(typeName).fields.get(fieldName), types.get(returnedTypeName)?.scopes].filter(Boolean);
    },
  };
}

module.exports = { loadSchema, schemaFile };
