// oidc-provider for the benchmark: `node bench_provider.mjs CONFIG.json`. CONFIG is provider.mjs's, plus control_port;
// without `tls` it speaks plain HTTP. It builds its endpoints' addresses, and so the `htu` that it wants, from the
// request's scheme and Host: send the Host of the issuer. Leave `dpop.require_nonce` out unless the other side has it.
// Prints {"ready": true, "issuer": ..., "control": ...}. The control address, on a port of its own, loopback only:
//   POST <control>/codes {"client_id", "redirect_uri", "scope", "sub", "nonce", "items": [{"code_challenge", "dpop_jkt"}]}
//   -> {"codes": [...]}: one unredeemed authorization code for each item, in order, each under a grant of its own.
// So a loader can sign all its token requests before the clock starts.

import { createServer } from 'node:http';
import { startProvider } from './authorization_server.mjs';
import { readConfig, say, stopCleanly } from './serving.mjs';

const config = readConfig();
const { servers, issuer, provider } = await startProvider(config);
const resource = config.resource;

/** What the consent page would have saved. */
async function saveGrant({ client_id: clientId, sub, scope }) {
  const asked = scope.split(' ');
  const grant = new provider.Grant({ accountId: sub, clientId });
  grant.addOIDCScope(asked.filter((name) => name === 'openid'));
  grant.addResourceScope(resource.identifier, asked.filter((name) => resource.scope.split(' ').includes(name)));
  return grant.save();
}

/** What the authorization endpoint would have issued. */
async function saveCode(request, item) {
  const client = await provider.Client.find(request.client_id);
  return new provider.AuthorizationCode({
    client,
    accountId: request.sub,
    grantId: await saveGrant(request),
    redirectUri: request.redirect_uri,
    scope: request.scope,
    nonce: request.nonce,
    resource: resource.identifier,
    claims: {},
    authTime: Math.floor(Date.now() / 1000),
    codeChallenge: item.code_challenge,
    codeChallengeMethod: 'S256',
    dpopJkt: item.dpop_jkt,
    expiresWithSession: false,
  }).save();
}

async function handle(incoming, response) {
  if (incoming.method !== 'POST' || incoming.url !== '/codes') return response.writeHead(404).end();
  let text = '';
  for await (const chunk of incoming) text += chunk;
  const request = JSON.parse(text);
  const codes = [];
  for (const item of request.items) codes.push(await saveCode(request, item));
  response.writeHead(200, { 'content-type': 'application/json' });
  return response.end(JSON.stringify({ codes }));
}

const control = createServer((incoming, response) => {
  handle(incoming, response).catch((error) => response.writeHead(500).end(String(error)));
});
await new Promise((resolve) => { control.listen(config.control_port ?? 0, '127.0.0.1', resolve); });
stopCleanly(config, ...servers, control);
say({ ready: true, issuer, control: `http://127.0.0.1:${control.address().port}` });
