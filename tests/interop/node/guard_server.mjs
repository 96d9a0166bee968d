// A protected resource behind guard.mjs: `node guard_server.mjs CONFIG.json`.
// CONFIG: {port, tls: {key, cert} or absent, issuer, audience, jwks or jwks_uri}. Prints {"ready": true, "origin": ...}.
// Every path answers 200 {"sub", "client_id", "scope"} or 401 with a DPoP challenge.

import { createGuard } from './guard.mjs';
import { listen, readConfig, say, stopCleanly } from './serving.mjs';

const config = readConfig();
const verify = createGuard(config);
const { server, origin } = await listen(config);
const publicOrigin = config.origin ?? origin;

function answer(response, status, body, headers = {}) {
  const text = JSON.stringify(body);
  // With its length, so that Node does not send it in chunks.
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

server.on('request', async (incoming, response) => {
  // The origin is configured, not taken from Host: an attacker chooses Host.
  const request = new Request(publicOrigin + incoming.url, { method: incoming.method, headers: incoming.headers });
  try {
    const { sub, client_id, scope } = await verify(request);
    answer(response, 200, { sub, client_id, scope });
  } catch (error) {
    answer(response, 401, { error: 'invalid_token', error_description: error.message }, {
      'www-authenticate': 'DPoP error="invalid_token", algs="ES256 PS256 EdDSA Ed25519"',
    });
  }
});
stopCleanly(config, server);
say({ ready: true, origin: publicOrigin });
