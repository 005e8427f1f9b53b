'use strict';

/*
 * Faults that a test switches on. A fault fires for the requests it names ("operation": operation name or root
 * field; "items": sets and adjustments of these items; none: all), each time or at every n-th of them, until its count
 * is used up or it is deleted.
 * Terminal kinds decide the answer: at most one fires for a request, the oldest. The others change it and add up.
 */

const { parseItem } = require('./gid');

const KINDS = {
  /* the request is not executed */
  hang: 'terminal',
  reset_before: 'terminal',
  stream_refused: 'terminal',
  goaway: 'terminal',
  throttle: 'terminal',
  auth_lost: 'terminal',
  status: 'terminal',
  html_5xx: 'terminal',
  internal_error: 'terminal',
  user_error: 'terminal',
  /* any answer, before or after the execution */
  answer: 'terminal',
  /* it is executed, its answer is lost */
  reset_after: 'terminal',
  stream_reset: 'terminal',
  executed_answer_lost: 'terminal',
  cut_body: 'terminal',
  /* it is executed and answered, differently */
  slow: 'modifier',
  slow_execution: 'modifier',
  no_cost: 'modifier',
  integer_cost: 'modifier',
  decimal_cost: 'modifier',
  version: 'modifier',
  no_version: 'modifier',
  retire: 'modifier',
  forget_key: 'modifier',
};

const COUNTED = ['count', 'every'];

/* How a user_error with items names their entries; the last two name nobody. */
const NAMINGS = {
  text: (list, index) => ['input', list, String(index), 'inventoryItemId'],
  number: (list, index) => ['input', list, index, 'inventoryItemId'],
  short: (list, index) => ['input', list, String(index)],
  beyond: (list, index) => ['input', list, String(index + 250), 'inventoryItemId'],
  nobody: () => null,
};

function problem(given) {
  if (!Object.hasOwn(KINDS, given.kind)) return `unknown kind '${given.kind}', known: ${Object.keys(KINDS).join(', ')}`;
  for (const name of COUNTED) {
    if (given[name] !== undefined && !(Number.isInteger(given[name]) && given[name] > 0)) {
      return `${name} must be an integer above 0`;
    }
  }
  if (/^slow/.test(given.kind) && !(given.delayMs > 0)) return `${given.kind} needs delayMs above 0`;
  if (given.filled !== undefined && given.kind !== 'user_error') return 'only a user_error is filled';
  if (given.kind === 'user_error' && typeof given.code !== 'string') return 'user_error needs a code';
  if (given.items !== undefined && !(Array.isArray(given.items) && given.items.every(Number.isInteger))) {
    return 'items must be a list of integers';
  }
  if (given.naming !== undefined && !Object.hasOwn(NAMINGS, given.naming)) {
    return `unknown naming '${given.naming}', known: ${Object.keys(NAMINGS).join(', ')}`;
  }
  if (given.kind === 'answer' && given.body === undefined) return 'answer needs a body';
  if (given.kind === 'version' && typeof given.version !== 'string') return 'version needs a version';
  return null;
}

/** {list, asked}: the entries of a set or of an adjustment, and the member of the input that holds them. */
function askedOf(variables) {
  const list = variables?.input?.changes === undefined ? 'quantities' : 'changes';
  const asked = variables?.input?.[list];
  return { list, asked: Array.isArray(asked) ? asked : [] };
}

/** Indexes of the entries whose item is one of the fault's. */
function indexesOf(fault, variables) {
  const items = new Set(fault.items);
  return askedOf(variables).asked.flatMap((entry, index) =>
    items.has(parseItem(String(entry?.inventoryItemId))) ? [index] : [],
  );
}

/** The userErrors of a fault: one for each of its items, or the one that it is. */
function userErrorsOf(fault, variables) {
  const { code, field = null, message = 'injected', naming = 'text' } = fault;
  if (fault.items === undefined) return [{ field, code, message }];
  const { list } = askedOf(variables);
  const errors = indexesOf(fault, variables).map((index) => ({ field: NAMINGS[naming](list, index), code, message }));
  return naming === 'nobody' ? errors.slice(0, 1) : errors;
}

class Faults {
  constructor() {
    this.list = [];
    this.lastId = 0;
  }

  /** The text of what is wrong with `given`, or null when it was added; then it has an id. */
  add(given) {
    const wrong = problem(given);
    if (wrong !== null) return wrong;
    given.id = ++this.lastId;
    given.seen = 0;
    given.fired = 0;
    this.list.push(given);
    return null;
  }

  /** True when there was such a fault; without an id all are removed. */
  remove(id) {
    const before = this.list.length;
    this.list = id === undefined ? [] : this.list.filter((fault) => fault.id !== id);
    return id === undefined || this.list.length < before;
  }

  isEmpty() {
    return this.list.length === 0;
  }

  isDue(fault) {
    fault.seen++;
    return fault.every === undefined || fault.seen % fault.every === 0;
  }

  /** {terminal: fault or null, modifiers: [fault]} for a request with these names and variables. */
  fire(names, variables) {
    let terminal = null;
    const modifiers = [];
    for (const fault of this.list) {
      if (fault.operation !== undefined && !names.includes(fault.operation)) continue;
      if (fault.items !== undefined && indexesOf(fault, variables).length === 0) continue;
      const isTerminal = KINDS[fault.kind] === 'terminal';
      if (isTerminal && terminal !== null) continue;
      if (!this.isDue(fault)) continue;
      fault.fired++;
      if (isTerminal) terminal = fault;
      else modifiers.push(fault);
    }
    this.list = this.list.filter((fault) => fault.count === undefined || fault.fired < fault.count);
    return { terminal, modifiers };
  }
}

module.exports = { Faults, askedOf, userErrorsOf };
