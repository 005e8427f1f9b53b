'use strict';

/* Errors that are no userErrors: with a code as Shopify gives it, and the place in the document. */

const { GraphQLError } = require('graphql');

/** The longest list in an argument, and the largest page. */
const MAX_LIST = 250;

/** An error that answers for the whole request: no data, and nothing charged. */
class RequestRefused extends GraphQLError {}

function refuse(info, code, message, extraNodes = []) {
  return new GraphQLError(message, { nodes: [info.fieldNodes[0], ...extraNodes], extensions: { code } });
}

function listTooLong(info, path, length) {
  return new RequestRefused(`The input array size of ${length} is greater than the maximum allowed of ${MAX_LIST}`, {
    nodes: [info.fieldNodes[0]],
    path,
    extensions: { code: 'MAX_INPUT_SIZE_EXCEEDED' },
  });
}

module.exports = { MAX_LIST, RequestRefused, listTooLong, refuse };
