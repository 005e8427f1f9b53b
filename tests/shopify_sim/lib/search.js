'use strict';

/*
 * The search behind `query:` arguments. Like the real one it forgives: a malformed query still gives rows, an
 * unknown filter matches everything (and says so in extensions.search), SKUs are compared without case and by
 * their words, so "ABC-1" also finds "abc-1-red". A caller that wants one SKU has to compare it itself.
 */

const MATCH_ALL = { kind: 'all' };

function tokens(text) {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

/* ---- reading a query ---- */

class Lexer {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }

  skipSpace() {
    while (this.at < this.text.length && /\s/.test(this.text[this.at])) this.at++;
  }

  /** A phrase in quotes; a missing end quote is forgiven. */
  quoted() {
    const quote = this.text[this.at++];
    let value = '';
    while (this.at < this.text.length && this.text[this.at] !== quote) {
      if (this.text[this.at] === '\\' && this.at + 1 < this.text.length) this.at++;
      value += this.text[this.at++];
    }
    this.at++;
    return value;
  }

  bare(stops) {
    let value = '';
    while (this.at < this.text.length && !/\s/.test(this.text[this.at]) && !stops.includes(this.text[this.at])) {
      if (this.text[this.at] === '\\' && this.at + 1 < this.text.length) this.at++;
      value += this.text[this.at++];
    }
    return value;
  }

  isQuote() {
    return this.text[this.at] === "'" || this.text[this.at] === '"';
  }

  term(negated) {
    if (this.isQuote()) return { kind: 'term', field: null, compare: '=', value: this.quoted(), phrase: true, negated };
    const word = this.bare('():');
    if (this.text[this.at] !== ':')
      return { kind: 'term', field: null, compare: '=', value: word, phrase: false, negated };
    this.at++;
    const compare = /^(?:>=|<=|>|<|=)/.exec(this.text.slice(this.at, this.at + 2))?.[0] ?? '';
    this.at += compare.length;
    const phrase = this.isQuote();
    const value = phrase ? this.quoted() : this.bare('()');
    return { kind: 'term', field: word, compare: compare || '=', value, phrase, negated };
  }

  next() {
    this.skipSpace();
    if (this.at >= this.text.length) return null;
    const char = this.text[this.at];
    if (char === '(' || char === ')') {
      this.at++;
      return { kind: char };
    }
    const negated = char === '-' && this.at + 1 < this.text.length && !/\s/.test(this.text[this.at + 1]);
    if (negated) this.at++;
    const term = this.term(negated);
    if (term.field === null && !term.phrase && /^(AND|OR|NOT)$/.test(term.value)) return { kind: term.value };
    return term;
  }
}

class Parser {
  constructor(text) {
    this.lexer = new Lexer(text);
    this.token = this.lexer.next();
  }

  advance() {
    const token = this.token;
    this.token = this.lexer.next();
    return token;
  }

  either() {
    const parts = [this.both()];
    while (this.token?.kind === 'OR') {
      this.advance();
      parts.push(this.both());
    }
    const found = parts.filter((part) => part !== null);
    if (found.length === 0) return null;
    return found.length === 1 ? found[0] : { kind: 'or', parts: found };
  }

  both() {
    const parts = [];
    while (this.token !== null && this.token.kind !== 'OR' && this.token.kind !== ')') {
      if (this.token.kind === 'AND') this.advance();
      else {
        const part = this.single();
        if (part !== null) parts.push(part);
      }
    }
    if (parts.length === 0) return null;
    return parts.length === 1 ? parts[0] : { kind: 'and', parts };
  }

  single() {
    const token = this.advance();
    if (token.kind === 'NOT') {
      const part = this.token === null || this.token.kind === ')' ? null : this.single();
      return part === null ? null : { kind: 'not', part };
    }
    if (token.kind === '(') {
      const inner = this.either();
      if (this.token?.kind === ')') this.advance();
      return inner;
    }
    if (token.field === '' || token.value === '') return null;
    return token.negated ? { kind: 'not', part: token } : token;
  }

  parse() {
    const parts = [];
    while (this.token !== null) {
      const part = this.either();
      if (part !== null) parts.push(part);
      if (this.token?.kind === ')') this.advance();
    }
    if (parts.length === 0) return MATCH_ALL;
    return parts.length === 1 ? parts[0] : { kind: 'and', parts };
  }
}

function parseQuery(text) {
  return new Parser(text).parse();
}

/* ---- what extensions.search says about a query ---- */

function describe(node) {
  if (node.kind === 'term') {
    const match = node.compare === '=' ? (node.phrase ? 'match_phrase' : 'match_all') : `range_${node.compare}`;
    return node.field === null ? { [match]: node.value } : { field: node.field, [match]: node.value };
  }
  if (node.kind === 'not') return { not: describe(node.part) };
  if (node.kind === 'all') return {};
  return { [node.kind]: node.parts.map(describe) };
}

function* terms(node) {
  if (node.kind === 'term') yield node;
  else if (node.kind === 'not') yield* terms(node.part);
  else if (node.parts) for (const part of node.parts) yield* terms(part);
}

function explain(path, text, node, filters) {
  const answer = { path, query: text, parsed: describe(node) };
  const warnings = [];
  for (const term of terms(node)) {
    if (term.field !== null && !filters.has(term.field)) {
      warnings.push({ field: term.field, message: 'unknown filter', code: 'invalid_field' });
    }
  }
  if (warnings.length > 0) answer.warnings = warnings;
  return answer;
}

/* ---- finding ---- */

function comparable(text, kind) {
  const number = kind === 'time' ? Date.parse(text) : Number(String(text).split('/').pop());
  return Number.isNaN(number) ? null : number;
}

function compares(have, compare, want) {
  if (have === null) return false;
  switch (compare) {
    case '>':
      return have > want;
    case '>=':
      return have >= want;
    case '<':
      return have < want;
    case '<=':
      return have <= want;
    default:
      return have === want;
  }
}

function holdsPhrase(have, want, prefix) {
  for (let start = 0; start + want.length <= have.length; start++) {
    let i = 0;
    while (i < want.length - 1 && have[start + i] === want[i]) i++;
    if (i < want.length - 1) continue;
    const last = have[start + i];
    if (prefix ? last.startsWith(want[i]) : last === want[i]) return true;
  }
  return false;
}

/**
 * An index over objects. `filters`: Map from filter name to {kind: "words"|"number"|"time", read(object)}; those of
 * kind "words" get a table of words, the others are compared one by one. The table is filled at the first search.
 */
class SearchIndex {
  constructor(filters) {
    this.filters = filters;
    this.wordFilters = [...filters].filter(([, filter]) => filter.kind === 'words').map(([name]) => name);
    this.words = new Map(this.wordFilters.map((name) => [name, new Map()]));
    this.waiting = [];
  }

  /** Also for an object whose words changed: what the table holds of old words is checked when it is used. */
  add(object) {
    this.waiting.push(object);
  }

  fill() {
    for (const object of this.waiting) {
      for (const name of this.wordFilters) {
        const table = this.words.get(name);
        for (const word of new Set(tokens(this.filters.get(name).read(object) ?? ''))) {
          const objects = table.get(word);
          if (objects === undefined) table.set(word, [object]);
          else objects.push(object);
        }
      }
    }
    this.waiting = [];
  }

  byWords(name, value) {
    const filter = this.filters.get(name);
    const prefix = value.endsWith('*');
    const want = tokens(value);
    if (want.length === 0) return new Set();
    const table = this.words.get(name);
    let candidates;
    if (prefix && want.length === 1) {
      candidates = [];
      for (const [word, objects] of table) if (word.startsWith(want[0])) candidates = candidates.concat(objects);
    } else {
      const exact = prefix ? want.slice(0, -1) : want;
      candidates = exact.map((word) => table.get(word) ?? []).reduce((a, b) => (b.length < a.length ? b : a));
    }
    return new Set(candidates.filter((object) => holdsPhrase(tokens(filter.read(object) ?? ''), want, prefix)));
  }

  byTerm(term, all) {
    if (term.field === null) {
      return this.wordFilters.map((name) => this.byWords(name, term.value)).reduce(union);
    }
    const filter = this.filters.get(term.field);
    if (filter === undefined) return null;
    if (filter.kind === 'words') return this.byWords(term.field, term.value);
    const want = comparable(term.value, filter.kind);
    if (want === null) return null;
    return new Set(all.filter((object) => compares(filter.read(object), term.compare, want)));
  }

  /** The matching objects as a Set; null stands for all of them. */
  evaluate(node, all) {
    switch (node.kind) {
      case 'all':
        return null;
      case 'term':
        return this.byTerm(node, all);
      case 'not': {
        const inner = this.evaluate(node.part, all);
        return inner === null ? null : new Set(all.filter((object) => !inner.has(object)));
      }
      case 'or': {
        let found = new Set();
        for (const part of node.parts) {
          const more = this.evaluate(part, all);
          if (more === null) return null;
          found = union(found, more);
        }
        return found;
      }
      default: {
        let found = null;
        for (const part of node.parts) {
          const more = this.evaluate(part, all);
          if (more === null) continue;
          found = found === null ? more : new Set([...found].filter((object) => more.has(object)));
        }
        return found;
      }
    }
  }

  /** `all` is sorted by id; so is the answer. */
  find(node, all, compareIds) {
    this.fill();
    const found = this.evaluate(node, all);
    return found === null ? all : [...found].sort(compareIds);
  }
}

function union(a, b) {
  if (a.size < b.size) [a, b] = [b, a];
  for (const object of b) a.add(object);
  return a;
}

/* ---- pages ---- */

function encodeCursor(id) {
  return Buffer.from(JSON.stringify({ last_id: id })).toString('base64');
}

/** The id in a cursor, or null when it is none of ours. */
function decodeCursor(cursor) {
  try {
    const id = JSON.parse(Buffer.from(cursor, 'base64').toString('utf8')).last_id;
    return Number.isInteger(id) ? id : null;
  } catch {
    return null;
  }
}

/** Index of the first object whose id is not below `id`. */
function lowerBound(list, id) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * One page of `list` (sorted by id), in the order that `args` (first, after, last, before, reverse) ask for.
 * `afterId`, `beforeId`: the decoded cursors or null. `isVisible` hides what the index does not know yet.
 * The work depends on the page, not on the list.
 */
function pageOf(list, args, afterId, beforeId, isVisible) {
  const backward = args.first === null || args.first === undefined;
  const size = backward ? args.last : args.first;
  const rising = Boolean(args.reverse) === backward;
  const startId = backward ? beforeId : afterId;
  const stopId = backward ? afterId : beforeId;
  let at;
  if (startId === null) at = rising ? 0 : list.length - 1;
  else {
    at = lowerBound(list, startId);
    if (!rising) at--;
    else if (list[at]?.id === startId) at++;
  }
  const nodes = [];
  let more = false;
  for (; at >= 0 && at < list.length; at += rising ? 1 : -1) {
    const object = list[at];
    if (stopId !== null && (rising ? object.id >= stopId : object.id <= stopId)) break;
    if (!isVisible(object)) continue;
    if (nodes.length === size) {
      more = true;
      break;
    }
    nodes.push(object);
  }
  if (backward) nodes.reverse();
  return {
    nodes,
    ids: nodes.map((object) => object.id),
    pageInfo: {
      hasNextPage: backward ? beforeId !== null : more,
      hasPreviousPage: backward ? more : afterId !== null,
      startCursor: nodes.length > 0 ? encodeCursor(nodes[0].id) : null,
      endCursor: nodes.length > 0 ? encodeCursor(nodes[nodes.length - 1].id) : null,
    },
  };
}

module.exports = {
  MATCH_ALL,
  SearchIndex,
  decodeCursor,
  encodeCursor,
  explain,
  lowerBound,
  pageOf,
  parseQuery,
  tokens,
};
