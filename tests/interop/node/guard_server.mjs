// A protected resource behind guard.mjs or certificate_guard.mjs: `node guard_server.mjs CONFIG.json`.
// CONFIG: {port, tls: {key, cert} or absent, issuer, audience, jwks or jwks_uri, guard: "dpop" (the default) or
// "certificate", client_certificates as in serving.mjs}. Prints {"ready": true, "origin": ...}.
// Every path answers 200 {"sub", "client_id", "scope"} or 401 with a challenge.

import { createCertificateGuard } from './certificate_guard.mjs';
import { createGuard } from './guard.mjs';
import { listen, readConfig, say, stopCleanly } from './serving.mjs';

const GUARDS = {
  dpop: { create: createGuard, challenge: 'DPoP error="invalid_token", algs="ES256 PS256 EdDSA Ed25519"' },
  certificate: { create: createCertificateGuard, challenge: 'Bearer error="invalid_token"' },
};

const config = readConfig();
const { create, challenge } = GUARDS[config.guard ?? 'dpop'];
const verify = create(config);
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
  try {
    // Within: methods that fetch does not know, and addresses that are none, are refused and stop nobody.
    const request = new Request(publicOrigin + incoming.url, { method: incoming.method, headers: incoming.headers });
    const { sub, client_id, scope } = await verify(request, incoming.socket.getPeerX509Certificate?.());
    answer(response, 200, { sub, client_id, scope });
  } catch (error) {
    answer(response, 401, { error: 'invalid_token', error_description: error.message }, { 'www-authenticate': challenge });
  }
});
stopCleanly(config, server);
say({ ready: true, origin: publicOrigin });
