'use strict';

/* What Shopify asks of the text of a bulk query beyond the schema. Pure. */

const { isListType, getNullableType, Kind } = require('graphql');
const { fieldsOf, fieldType, isConnection } = require('./cost');

const MAX_CONNECTIONS = 5;
const MAX_NESTING = 2;

function isList(node, parent) {
  return isListType(getNullableType(parent.getFields()[node.name.value].type));
}

/** Walks below one selection and notes what is wrong; `place` is where it stands. */
class Walk {
  constructor(context) {
    this.context = context;
    this.connections = 0;
    this.deepest = 0;
    this.problems = [];
  }

  /** place: {depth: connections around, inList}. True when there was a connection. */
  selection(node, type, place) {
    let hasConnection = false;
    for (const [child, parent] of fieldsOf(node.selectionSet, type, this.context)) {
      const childType = fieldType(child, parent);
      if (childType === null || child.selectionSet === undefined) continue;
      if (isConnection(childType)) {
        hasConnection = true;
        this.connection(child, childType, place);
      } else {
        const inList = place.inList || isList(child, parent);
        if (this.selection(child, childType, { ...place, inList })) hasConnection = true;
      }
    }
    return hasConnection;
  }

  connection(node, type, { depth, inList }) {
    this.connections++;
    this.deepest = Math.max(this.deepest, depth);
    if (inList) this.problems.push(`'${node.name.value}' is a connection inside a list`);
    for (const [edges, owner] of this.only('edges', node, type)) {
      const edgeType = fieldType(edges, owner);
      for (const [inner, edge] of this.only('node', edges, edgeType)) {
        const nodeType = fieldType(inner, edge);
        const isParent = this.selection(inner, nodeType, { depth: depth + 1, inList: false });
        if (isParent && !this.selectsId(inner, nodeType)) {
          this.problems.push(
            `the node of '${node.name.value}' holds a connection and must select 'id' without an alias`,
          );
        }
      }
    }
  }

  /** The fields below a connection or an edge: all of them must have this name. */
  only(name, node, type) {
    const found = [...fieldsOf(node.selectionSet, type, this.context)];
    if (found.length > 0 && found.every(([child]) => child.name.value === name)) return found;
    this.problems.push(`'${node.name.value}' must select '${name}' and nothing else`);
    return [];
  }

  selectsId(node, type) {
    for (const [child] of fieldsOf(node.selectionSet, type, this.context)) {
      if (child.name.value === 'id' && child.alias === undefined) return true;
    }
    return false;
  }
}

function byKind(document, kind) {
  return document.definitions.filter((definition) => definition.kind === kind);
}

/** The text of what is wrong with a document that fits the schema, or null. */
function bulkProblem(schema, document) {
  const operations = byKind(document, Kind.OPERATION_DEFINITION);
  if (operations.length !== 1 || operations[0].operation !== 'query') return 'a bulk query is one query';
  const fragments = new Map(byKind(document, Kind.FRAGMENT_DEFINITION).map((node) => [node.name.value, node]));
  const context = { schema, fragments };
  const root = schema.getQueryType();
  for (const [field] of fieldsOf(operations[0].selectionSet, root, context)) {
    if (/^nodes?$/.test(field.name.value)) return `'${field.name.value}' cannot stand at the top`;
  }
  const walk = new Walk(context);
  walk.selection(operations[0], root, { depth: 0, inList: false });
  if (walk.connections === 0) return 'there must be at least one connection';
  if (walk.connections > MAX_CONNECTIONS) return `there are more than ${MAX_CONNECTIONS} connections`;
  if (walk.deepest > MAX_NESTING) return `connections are nested deeper than ${MAX_NESTING}`;
  return walk.problems[0] ?? null;
}

module.exports = { bulkProblem };
