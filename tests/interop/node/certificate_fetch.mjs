// `fetch` that shows a client certificate where the server asks for one (RFC 8705): the built-in one cannot.

import { Agent, request } from 'node:https';
import { Readable } from 'node:stream';

const WITHOUT_BODY = new Set([204, 304]);

const toResponse = (incoming) => {
  const { statusCode: status, headers } = incoming;
  const body = WITHOUT_BODY.has(status) ? null : Readable.toWeb(incoming);
  return new Response(body, { status, headers: Object.entries(headers).map(([name, value]) => [name, String(value)]) });
};

/** `pem` holds the certificate and its key. Redirects are not followed, as the libraries here want it. */
export function createCertificateFetch(pem) {
  const agent = new Agent({ cert: pem, key: pem });
  return (url, { method = 'GET', headers, body, signal } = {}) => new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, method, headers, signal });
    outgoing.once('response', (incoming) => resolve(toResponse(incoming)));
    outgoing.once('error', reject);
    outgoing.end(body?.toString());
  });
}
