'use strict';

/** Reads a request's body. callback(null, Buffer), or callback(error); error.status is set when it can be answered. */
function readBody(req, limitBytes, callback) {
  const chunks = [];
  let size = 0;
  let isOver = false;
  const finish = (error, body) => {
    if (isOver) return;
    isOver = true;
    callback(error, body);
  };
  req.on('data', (chunk) => {
    size += chunk.length;
    if (size <= limitBytes) chunks.push(chunk);
    else finish(Object.assign(new Error(`the body is larger than ${limitBytes} bytes`), { status: 413 }));
  });
  req.on('end', () => finish(null, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)));
  req.on('error', (error) => finish(error));
  req.on('close', () => finish(new Error('the client went away')));
}

module.exports = { readBody };
