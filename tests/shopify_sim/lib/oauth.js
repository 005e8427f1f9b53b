'use strict';

/*
 * The app of one shop: its static token, and the client credentials grant, which hands out tokens that live a day on
 * the clock that tests move. Bodies and codes of the OAuth endpoint; statuses and headers are endpoint.js's.
 */

const crypto = require('node:crypto');

const LIFE_S = 86399;
const FORM = /^application\/x-www-form-urlencoded\b/i;

class App {
  /** Without clientId the grant is refused; without token there is no static one. */
  constructor({ token = null, clientId = null, clientSecret = null, tokenLifeS = LIFE_S }, clock) {
    this.clock = clock;
    this.token = token;
    this.clientId = clientId;
    this.clientSecret = clientSecret;
    this.tokenLifeS = tokenLifeS;
    this.isInstalled = true;
    this.isSameOrganisation = true;
    this.issued = new Map(); /* token -> end of its life */
  }

  accepts(token) {
    if (!this.isInstalled || token === undefined) return false;
    return token === this.token || (this.issued.get(token) ?? 0) > this.clock.nowMs();
  }

  issue() {
    const now = this.clock.nowMs();
    for (const [token, endMs] of this.issued) if (endMs <= now) this.issued.delete(token);
    const token = `shpat_${crypto.randomBytes(16).toString('hex')}`;
    this.issued.set(token, now + this.tokenLifeS * 1000);
    return token;
  }

  /** All tokens that were handed out end now. */
  revoke() {
    this.issued.clear();
  }

  /** The first thing that is wrong with the asking, as {error, error_description}; null when nothing is. */
  refusal(form) {
    const because = (error, text) => ({ error, error_description: text });
    if (form.get('grant_type') !== 'client_credentials') return because('invalid_request', 'unknown grant_type');
    if (!form.get('client_id') || !form.get('client_secret')) {
      return because('invalid_request', 'client_id or client_secret is missing');
    }
    if (this.clientId === null || form.get('client_id') !== this.clientId) {
      return because('invalid_client', 'unknown client_id');
    }
    if (form.get('client_secret') !== this.clientSecret) return because('invalid_client', 'wrong client_secret');
    if (!this.isSameOrganisation) {
      return because('shop_not_permitted', 'client credentials are not allowed for this shop');
    }
    if (!this.isInstalled) return because('app_not_installed', 'the app is not installed in this shop');
    return null;
  }

  /** {status, json} for the body of an asking. */
  grant(contentType, body, scopes) {
    if (!FORM.test(contentType ?? '')) {
      return { status: 400, json: { error: 'invalid_request', error_description: 'the body must be a form' } };
    }
    const wrong = this.refusal(new URLSearchParams(body.toString('utf8')));
    if (wrong !== null) return { status: 400, json: wrong };
    return {
      status: 200,
      json: { access_token: this.issue(), scope: scopes.join(','), expires_in: this.tokenLifeS },
    };
  }
}

module.exports = { App };
