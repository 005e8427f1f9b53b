'use strict';

/*
 * The key table of one shop: a key lives 24 h from its first request, whatever came of it.
 * States of an entry: running (being executed) -> done (its answer can be given again) or failed (the key is burnt).
 */

const crypto = require('node:crypto');

const KEY_LIFE_MS = 24 * 3600 * 1000;

function fingerprint(text) {
  return crypto.createHash('sha1').update(text).digest('base64');
}

class KeyTable {
  constructor() {
    this.entries = new Map();
  }

  /** Takes out what is older than 24 h; a Map keeps insertion order, so the oldest come first. */
  expire(nowMs) {
    for (const [key, entry] of this.entries) {
      if (nowMs - entry.atMs < KEY_LIFE_MS) return;
      this.entries.delete(key);
    }
  }

  /**
   * Marks a new key as running for `owner` before it is executed; a key that is settled stays as it is.
   * False when another request with this key is running.
   */
  hold(key, print, nowMs, owner) {
    this.expire(nowMs);
    const known = this.entries.get(key);
    if (known !== undefined) return known.state !== 'running';
    this.entries.set(key, { print, atMs: nowMs, state: 'running', owner, result: null });
    return true;
  }

  /** Forgets a key that `owner` held and that never came to execution. */
  release(key, owner) {
    const entry = this.entries.get(key);
    if (entry !== undefined && entry.state === 'running' && entry.owner === owner) this.entries.delete(key);
  }

  /** As if the key had never arrived. */
  forget(key) {
    this.entries.delete(key);
  }

  /**
   * What this request may do: {state: 'new'|'running'|'mismatch'|'failed'|'done', entry}.
   * After 'new' the caller must settle the entry.
   */
  begin(key, print, nowMs, owner) {
    this.expire(nowMs);
    const known = this.entries.get(key);
    if (known === undefined) {
      const entry = { print, atMs: nowMs, state: 'running', owner, result: null };
      this.entries.set(key, entry);
      return { state: 'new', entry };
    }
    if (known.state === 'running') return { state: known.owner === owner ? 'new' : 'running', entry: known };
    if (known.print !== print) return { state: 'mismatch', entry: known };
    return { state: known.state, entry: known };
  }

  settle(entry, state, result) {
    entry.state = state;
    entry.owner = null;
    entry.result = result;
  }
}

module.exports = { KeyTable, fingerprint, KEY_LIFE_MS };
