'use strict';

/*
 * The connections below the requests: which one a request came on, and the ways in which it can end. Over HTTP/2 a
 * request is one stream of several on its connection; over HTTP/1.1 it has the connection to itself.
 */

const { constants } = require('node:http2');

function nameOf({ localPort, remotePort }) {
  return `${localPort}:${remotePort}`;
}

function isOpen(session) {
  return session !== undefined && !session.destroyed;
}

/** One TCP connection. */
class Wire {
  constructor(number, socket) {
    this.number = number;
    this.socket = socket;
    this.highestStream = 0;
    this.lastStream = Infinity; /* what a GOAWAY has promised: no later stream is looked at */
  }

  /** A TCP reset: every request on the connection loses its answer. */
  reset() {
    this.socket.resetAndDestroy();
  }

  cut() {
    this.socket.destroy();
  }

  /** False for a stream that a GOAWAY has said will not be processed. */
  admits(req) {
    const id = req.stream?.id ?? 0;
    if (id > this.lastStream) return false;
    this.highestStream = Math.max(this.highestStream, id);
    return true;
  }

  /** Ends one stream; without streams, the connection. */
  endStream(req, code) {
    if (req.stream === undefined) this.reset();
    else req.stream.close(code);
  }

  /** The request was not and will not be executed, and the answer says so. */
  refuse(req) {
    this.endStream(req, constants.NGHTTP2_REFUSED_STREAM);
  }

  /** Nobody can tell what became of the request. */
  fail(req) {
    this.endStream(req, constants.NGHTTP2_INTERNAL_ERROR);
  }

  /** Gives the connection up without executing this request; earlier ones are still answered. */
  leave(req) {
    if (req.stream === undefined) {
      this.reset();
      return;
    }
    const { id, session } = req.stream;
    if (!isOpen(session)) return;
    const isLatest = id === this.highestStream;
    if (isLatest) this.lastStream = id - 2;
    else {
      this.lastStream = this.highestStream;
      this.refuse(req);
    }
    session.goaway(constants.NGHTTP2_NO_ERROR, this.lastStream);
  }

  /** As a server that has served a connection long enough: all that has arrived is answered, nothing later looked at. */
  retire(req) {
    const session = req.stream?.session;
    if (!isOpen(session)) return;
    this.lastStream = this.highestStream;
    session.goaway(constants.NGHTTP2_NO_ERROR, this.lastStream);
  }
}

class Wires {
  constructor() {
    this.byName = new Map();
    this.count = 0;
  }

  /** Takes a listener's raw TCP socket, also the one below TLS. */
  add(socket) {
    const name = nameOf(socket);
    const wire = new Wire(++this.count, socket);
    this.byName.set(name, wire);
    socket.once('close', () => {
      if (this.byName.get(name) === wire) this.byName.delete(name);
    });
  }

  /** The connection of a request that is arriving; undefined when it has just ended. */
  of(req) {
    if (req.stream !== undefined && !isOpen(req.stream.session)) return undefined;
    return this.byName.get(nameOf(req.socket));
  }
}

module.exports = { Wires };
