'use strict';

const crypto = require('node:crypto');

/** What the log shows of a credential: enough to recognise it, never itself. */
function hashOf(text) {
  return crypto.createHash('sha256').update(text).digest('hex').slice(0, 16);
}

module.exports = { hashOf };
