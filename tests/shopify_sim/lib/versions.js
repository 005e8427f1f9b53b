'use strict';

/*
 * API versions as of November 2026. All are served with the schema of 2026-10; what differs is the version that
 * the answer's header names.
 */

const VERSIONS = [
  { handle: '2026-01', supported: true },
  { handle: '2026-04', supported: true },
  { handle: '2026-07', supported: true },
  { handle: '2026-10', supported: true },
  { handle: '2027-01', supported: false },
  { handle: 'unstable', supported: false },
];
const OLDEST = VERSIONS[0].handle;

/** The version that really runs, or null for what is no version. An unknown or expired one falls forward. */
function servedVersion(asked) {
  if (VERSIONS.some((version) => version.handle === asked)) return asked;
  return /^\d{4}-\d{2}$/.test(asked) ? OLDEST : null;
}

module.exports = { VERSIONS, servedVersion };
