'use strict';

/*
 * Shopify's global ids: "gid://shopify/<Type>/<number>", with "?name=value" behind those of inventory levels.
 * Parsing answers null for anything else: an unknown id is an answer of the API, not an error of ours.
 */

const SHAPE = /^gid:\/\/shopify\/([A-Za-z]+)\/([0-9]{1,15})(?:\?inventory_item_id=([0-9]{1,15}))?$/;

function format(type, number) {
  return `gid://shopify/${type}/${number}`;
}

function formatLevel(number, itemId) {
  return `gid://shopify/InventoryLevel/${number}?inventory_item_id=${itemId}`;
}

function parseAny(gid) {
  const match = SHAPE.exec(gid);
  if (match === null) return null;
  return { type: match[1], number: Number(match[2]), itemId: match[3] === undefined ? null : Number(match[3]) };
}

/** The number behind `prefix` ("gid://shopify/Location/"), or null. By hand: a mutation has 500 of them. */
function parse(gid, prefix) {
  const length = gid.length;
  const digits = length - prefix.length;
  if (digits < 1 || digits > 15 || !gid.startsWith(prefix)) return null;
  let number = 0;
  for (let i = prefix.length; i < length; i++) {
    const digit = gid.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return null;
    number = number * 10 + digit;
  }
  return number;
}

const ITEM = 'gid://shopify/InventoryItem/';
const LOCATION = 'gid://shopify/Location/';

module.exports = {
  format,
  formatLevel,
  parseAny,
  parseItem: (gid) => parse(gid, ITEM),
  parseLocation: (gid) => parse(gid, LOCATION),
};
