'use strict';

/*
 * Query cost and the leaky bucket. Scalars and enums cost 0, objects 1, a mutation 10 (its payload's own objects
 * included), a connection 2 plus its nodes, sub-linear in the page size: recorded are 3, 5, 7 and 13 points for
 * pages of 1, 5, 10 and 250 flat nodes. A plain list of objects costs the same whatever its length.
 * The bucket gives up the requested cost when a request is accepted and gets back what was not used.
 */

const { getNamedType, isCompositeType, isObjectType, Kind } = require('graphql');

const MAX_COST = 1000;
const MUTATION_COST = 10;
const PAGE_WEIGHT = 1.82;

const PLANS = {
  standard: { restoreRate: 100, maximumAvailable: 2000 },
  advanced: { restoreRate: 200, maximumAvailable: 4000 },
  plus: { restoreRate: 1000, maximumAvailable: 20000 },
  enterprise: { restoreRate: 2000, maximumAvailable: 40000 },
};

function pageCost(count, nodeCost) {
  return count < 1 ? 2 : Math.floor(2 + nodeCost * (1 + PAGE_WEIGHT * Math.log(count)));
}

/** Fields of a selection with fragments opened: [field node, parent type], in document order. */
function* fieldsOf(selectionSet, type, context) {
  for (const selection of selectionSet.selections) {
    if (selection.kind === Kind.FIELD) {
      yield [selection, type];
      continue;
    }
    const fragment = selection.kind === Kind.FRAGMENT_SPREAD ? context.fragments.get(selection.name.value) : selection;
    const condition = fragment.typeCondition;
    yield* fieldsOf(fragment.selectionSet, condition ? context.schema.getType(condition.name.value) : type, context);
  }
}

function isConnection(type) {
  return isObjectType(type) && type.name.endsWith('Connection');
}

function fieldType(node, parent) {
  const field = parent.getFields?.()[node.name.value];
  return field === undefined ? null : getNamedType(field.type);
}

function pageSize(node, variables) {
  let size = 0;
  for (const argument of node.arguments ?? []) {
    if (argument.name.value !== 'first' && argument.name.value !== 'last') continue;
    const value = argument.value;
    const number = value.kind === Kind.VARIABLE ? variables?.[value.name.value] : Number(value.value);
    if (Number.isFinite(number)) size = Math.max(size, number);
  }
  return size;
}

/** The selection below nodes, or below edges { node }, of a connection: its cost per node. */
function requestedNodeCost(node, type, context) {
  let cost = 0;
  for (const [child, parent] of fieldsOf(node.selectionSet, type, context)) {
    const name = child.name.value;
    const childType = fieldType(child, parent);
    if (name === 'nodes') cost = Math.max(cost, 1 + requestedSelection(child.selectionSet, childType, context));
    if (name === 'edges') cost = Math.max(cost, requestedSelection(child.selectionSet, childType, context));
  }
  return cost;
}

function requestedField(node, parent, context) {
  const type = fieldType(node, parent);
  if (type === null || !isCompositeType(type)) return 0;
  if (isConnection(type)) return pageCost(pageSize(node, context.variables), requestedNodeCost(node, type, context));
  return 1 + requestedSelection(node.selectionSet, type, context);
}

function requestedSelection(selectionSet, type, context) {
  let cost = 0;
  for (const [node, parent] of fieldsOf(selectionSet, type, context)) cost += requestedField(node, parent, context);
  return cost;
}

/** A mutation's payload: its own objects are in the price, what hangs below them is not. */
function payloadCost(node, parent, context, fieldCost) {
  const payload = fieldType(node, parent);
  let cost = MUTATION_COST;
  for (const [child, owner] of fieldsOf(node.selectionSet, payload, context)) cost += fieldCost(child, owner);
  return cost;
}

function requestedCost(operation, context) {
  const root = context.schema.getRootType(operation.operation);
  if (operation.operation === 'query') return requestedSelection(operation.selectionSet, root, context);
  let cost = 0;
  for (const [node, parent] of fieldsOf(operation.selectionSet, root, context)) {
    cost += payloadCost(node, parent, context, (child, owner) =>
      Math.max(0, requestedField(child, owner, context) - 1),
    );
  }
  return cost;
}

function responseKey(node) {
  return (node.alias ?? node.name).value;
}

function actualNodeCost(node, type, value, context) {
  let cost = 0;
  for (const [child, parent] of fieldsOf(node.selectionSet, type, context)) {
    const name = child.name.value;
    if (name !== 'nodes' && name !== 'edges') continue;
    const list = value[responseKey(child)];
    if (!Array.isArray(list) || list.length === 0) continue;
    let sum = 0;
    for (const entry of list) {
      sum += (name === 'nodes' ? 1 : 0) + actualSelection(child.selectionSet, fieldType(child, parent), entry, context);
    }
    cost = Math.max(cost, pageCost(list.length, sum / list.length));
  }
  return Math.max(cost, 2);
}

function actualField(node, parent, data, context) {
  const type = fieldType(node, parent);
  if (type === null || !isCompositeType(type)) return 0;
  const value = data[responseKey(node)];
  if (value === null || value === undefined) return 0;
  if (isConnection(type)) return actualNodeCost(node, type, value, context);
  if (!Array.isArray(value)) return 1 + actualSelection(node.selectionSet, type, value, context);
  let most = -1;
  for (const entry of value) most = Math.max(most, actualSelection(node.selectionSet, type, entry, context));
  return 1 + most;
}

function actualSelection(selectionSet, type, data, context) {
  if (data === null || data === undefined) return 0;
  let cost = 0;
  for (const [node, parent] of fieldsOf(selectionSet, type, context)) cost += actualField(node, parent, data, context);
  return cost;
}

function actualCost(operation, data, context) {
  const root = context.schema.getRootType(operation.operation);
  if (operation.operation === 'query') return actualSelection(operation.selectionSet, root, data, context);
  let cost = 0;
  for (const [node, parent] of fieldsOf(operation.selectionSet, root, context)) {
    const payload = data?.[responseKey(node)];
    cost += payloadCost(node, parent, context, (child, owner) =>
      payload ? Math.max(0, actualField(child, owner, payload, context) - 1) : 0,
    );
  }
  return cost;
}

class Bucket {
  constructor(plan, nowMs) {
    this.restoreRate = plan.restoreRate;
    this.maximum = plan.maximumAvailable;
    this.level = plan.maximumAvailable;
    this.atMs = nowMs;
    this.charged = 0;
    this.restored = 0;
    this.unused = 0;
  }

  refresh(nowMs) {
    const gained = (this.restoreRate * Math.max(0, nowMs - this.atMs)) / 1000;
    const taken = Math.min(gained, this.maximum - this.level);
    this.atMs = nowMs;
    this.level += taken;
    this.restored += taken;
    this.unused += gained - taken;
  }

  /** True when the level covers the points; they are then taken. */
  take(points, nowMs) {
    this.refresh(nowMs);
    if (points > this.level) return false;
    this.level -= points;
    this.charged += points;
    return true;
  }

  giveBack(points, nowMs) {
    this.refresh(nowMs);
    this.level = Math.min(this.maximum, this.level + points);
    this.charged -= points;
  }

  available(nowMs) {
    this.refresh(nowMs);
    return Math.floor(this.level);
  }
}

function decimal(number) {
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

/**
 * The block extensions.cost as JSON text; by hand, because numbers arrive as 2000 or as 2000.0.
 * `style`: "recorded" (as seen in answers), "integer" or "decimal".
 */
function costBlock(requested, actual, bucket, nowMs, style) {
  const settings = style === 'integer' ? String : decimal;
  const level = style === 'decimal' ? decimal : String;
  return (
    `{"requestedQueryCost":${requested},"actualQueryCost":${actual},"throttleStatus":{` +
    `"maximumAvailable":${settings(bucket.maximum)},"currentlyAvailable":${level(bucket.available(nowMs))},` +
    `"restoreRate":${settings(bucket.restoreRate)}}}`
  );
}

module.exports = {
  Bucket,
  MAX_COST,
  PLANS,
  actualCost,
  costBlock,
  fieldType,
  fieldsOf,
  isConnection,
  requestedCost,
};
