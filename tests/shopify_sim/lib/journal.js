'use strict';

/*
 * What every mutation did, in order. Entries are kept as flat numbers (seven for each level, NaN for null): a
 * benchmark writes a million of them and reads them once at the end.
 */

const WIDTH = 7;

function orNull(number) {
  return Number.isNaN(number) ? null : number;
}

class Entries {
  constructor(count) {
    this.numbers = new Float64Array(count * WIDTH).fill(NaN);
  }

  get length() {
    return this.numbers.length / WIDTH;
  }

  /**
   * null for what is unknown, for example the level of an unknown item. `delta` is an adjustment's; its quantity is
   * what the level is to hold.
   */
  set(index, item, location, quantity, changeFrom, before, after, delta) {
    const at = index * WIDTH;
    this.numbers[at] = item ?? NaN;
    this.numbers[at + 1] = location ?? NaN;
    this.numbers[at + 2] = quantity ?? NaN;
    this.numbers[at + 3] = changeFrom ?? NaN;
    this.numbers[at + 4] = before ?? NaN;
    this.numbers[at + 5] = after ?? NaN;
    this.numbers[at + 6] = delta ?? NaN;
  }

  at(index) {
    const [item, location, quantity, changeFrom, before, after, delta] = this.numbers
      .subarray(index * WIDTH, (index + 1) * WIDTH)
      .values();
    return {
      item: orNull(item),
      location: orNull(location),
      quantity: orNull(quantity),
      changeFrom: orNull(changeFrom),
      before: orNull(before),
      after: orNull(after),
      ...(!Number.isNaN(delta) && { delta }),
    };
  }

  toJSON() {
    return Array.from({ length: this.length }, (_, index) => this.at(index));
  }
}

const NO_ENTRIES = new Entries(0);

class Journal {
  constructor() {
    this.records = [];
  }

  /** Takes the record; `seq` is its place, from 1. */
  add(record) {
    record.seq = this.records.length + 1;
    this.records.push(record);
    return record;
  }

  since(seq) {
    return this.records.slice(Math.max(0, seq));
  }
}

module.exports = { Entries, Journal, NO_ENTRIES };
