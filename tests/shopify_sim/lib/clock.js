'use strict';

/*
 * Two clocks. `wallUs` is the real time in microseconds, for the journal: latencies are computed from it.
 * `Clock` is the time of the key table and of the search index: a test moves it forward instead of waiting.
 */

const { performance } = require('node:perf_hooks');

function wallUs() {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}

class Clock {
  constructor() {
    this.offsetMs = 0;
  }

  nowMs() {
    return performance.timeOrigin + performance.now() + this.offsetMs;
  }

  advance(ms) {
    this.offsetMs += ms;
  }

  reset() {
    this.offsetMs = 0;
  }
}

module.exports = { Clock, wallUs };
