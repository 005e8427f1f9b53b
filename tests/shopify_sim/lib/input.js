'use strict';

/* What a test asks for and cannot have. */

class BadInput extends Error {}

function need(condition, message) {
  if (!condition) throw new BadInput(message);
}

module.exports = { BadInput, need };
