// An independent, certified FAPI 2.0 client (openid-client) against any server: `node client.mjs CONFIG.json`.
// CONFIG: issuer, client_id, private_jwk (with kid and alg), redirect_uri, scope, resource (URL that answers 200; absent: not called);
//   dpop_alg (default ES256)          id_token_signed_response_alg (default ES256)
//   par_dpop (default true: DPoP header at PAR; false: `dpop_jkt` parameter instead)
//   userinfo (default: scope has openid)   resource_parameter (RFC 8707 `resource` for the token requests)
//   end ("revocation", default: of the refresh token; "code_replay": the code is sent again, which must kill the grant)
//   revoked_resource_status (status of the resource call after that, e.g. 401; absent: not called)
//   trace (true: every HTTP exchange as a JSON line on standard error, tokens included)
// The certificate authority comes in the environment: NODE_EXTRA_CA_CERTS=ca.pem.
// Standard output is JSON lines: {"step", "ok", ...} for each step and, after the pushed request,
// {"authorization_url"}. Then the full callback URL is read as one line from standard input. Exit 0: all steps ok.

import { createInterface } from 'node:readline';
import { importJWK } from 'jose';
import * as oidc from 'openid-client';
import { readConfig, say } from './serving.mjs';

const config = readConfig();

async function privateKeyJwt() {
  const { private_jwk: jwk } = config;
  const key = await importJWK(jwk, jwk.alg);
  // openid-client calls the algorithm Ed25519 (RFC 9864); a key registered as EdDSA (RFC 8037) keeps that name.
  const rename = { [oidc.modifyAssertion]: (header) => { header.alg = jwk.alg; } };
  // Its assertion's `aud` is the issuer as one string, as FAPI 2.0 wants.
  return oidc.PrivateKeyJwt({ key, kid: jwk.kid }, rename);
}

async function traced(url, options) {
  const response = await fetch(url, options);
  const body = await response.clone().text();
  console.error(JSON.stringify({
    request: { method: options.method, url, headers: options.headers, body: options.body && String(options.body) },
    response: { status: response.status, headers: Object.fromEntries(response.headers), body },
  }));
  return response;
}

async function discover() {
  const metadata = { id_token_signed_response_alg: config.id_token_signed_response_alg ?? 'ES256' };
  const options = config.trace ? { [oidc.customFetch]: traced } : undefined;
  const found = await oidc.discovery(
    new URL(config.issuer), config.client_id, metadata, await privateKeyJwt(), options,
  );
  const server = found.serverMetadata();
  if (server.issuer !== config.issuer) throw new Error(`issuer is ${server.issuer}`);
  if (server.authorization_response_iss_parameter_supported !== true) throw new Error('no iss in responses (RFC 9207)');
  return found;
}

async function push(session) {
  const parameters = {
    redirect_uri: config.redirect_uri,
    scope: config.scope,
    state: session.state,
    nonce: session.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(session.verifier),
    code_challenge_method: 'S256',
  };
  if (!(config.par_dpop ?? true)) parameters.dpop_jkt = await session.dpop.calculateThumbprint();
  const options = config.par_dpop ?? true ? { DPoP: session.dpop } : undefined;
  return oidc.buildAuthorizationUrlWithPAR(session.server, parameters, options);
}

const tokenParameters = () => (config.resource_parameter ? { resource: config.resource_parameter } : undefined);
const hasOpenid = config.scope.split(' ').includes('openid');

/** openid-client checks state, `iss`, the ID token's signature, `iss`, `aud`, `exp` and nonce in here. */
async function redeem(session, callback) {
  const checks = {
    pkceCodeVerifier: session.verifier,
    expectedState: session.state,
    expectedNonce: hasOpenid ? session.nonce : undefined,
    idTokenExpected: hasOpenid,
  };
  return oidc.authorizationCodeGrant(session.server, callback, checks, tokenParameters(), { DPoP: session.dpop });
}

const summary = (tokens) => {
  // openid-client spells the type in lower case; a Bearer token in a DPoP flow is a downgrade.
  if (tokens.token_type !== 'dpop') throw new Error(`token_type is ${tokens.token_type}`);
  const { scope, expires_in, refresh_token } = tokens;
  return { scope, expires_in, claims: tokens.claims(), refreshable: refresh_token !== undefined };
};

async function callResource(session, accessToken, expected) {
  const status = await oidc.fetchProtectedResource(
    session.server, accessToken, new URL(config.resource), 'GET', undefined, undefined, { DPoP: session.dpop },
  ).then((response) => response.status, (error) => error.status ?? Promise.reject(error));
  if (status !== expected) throw new Error(`status ${status} instead of ${expected}`);
  return { status };
}

async function refusedGrant(attempt) {
  const error = await attempt.then(() => new Error('was not refused'), (refusal) => refusal);
  if (error.error !== 'invalid_grant') throw error;
  return { error: error.error, status: error.status };
}

/** Runs one step, reports it, and returns what it produced; the first failure ends the run. */
async function step(name, action, report = () => ({})) {
  try {
    const result = await action();
    say({ step: name, ok: true, ...report(result) });
    return result;
  } catch (error) {
    say({
      step: name, ok: false, message: error.message, code: error.code, error: error.error,
      description: error.error_description, status: error.status, cause: String(error.cause?.message ?? ''),
    });
    process.exit(1);
  }
}

async function readCallback() {
  for await (const line of createInterface({ input: process.stdin })) return new URL(line.trim());
  throw new Error('no callback URL on standard input');
}

const server = await step('discovery', discover, (found) => ({ issuer: found.serverMetadata().issuer }));
const session = {
  server,
  dpop: oidc.getDPoPHandle(server, await oidc.randomDPoPKeyPair(config.dpop_alg ?? 'ES256')),
  state: oidc.randomState(),
  nonce: oidc.randomNonce(),
  verifier: oidc.randomPKCECodeVerifier(),
};

const authorizationUrl = await step('pushed_authorization_request', () => push(session));
say({ authorization_url: authorizationUrl.href });
const callback = await step('callback', readCallback, (url) => ({ parameters: [...url.searchParams.keys()] }));

const tokens = await step('authorization_code', () => redeem(session, callback), summary);
if (config.userinfo ?? hasOpenid) {
  const { sub } = tokens.claims();
  const ask = () => oidc.fetchUserInfo(server, tokens.access_token, sub, { DPoP: session.dpop });
  await step('userinfo', ask, (claims) => ({ claims }));
}
if (config.resource) {
  await step('resource', () => callResource(session, tokens.access_token, 200), (answer) => answer);
}

const refresh = () => oidc.refreshTokenGrant(server, tokens.refresh_token, tokenParameters(), { DPoP: session.dpop });
const fresh = await step('refresh_token', refresh, summary);
if (config.resource) {
  await step('resource_after_refresh', () => callResource(session, fresh.access_token, 200), (answer) => answer);
}

const refreshRefused = (name) => step(name, () => refusedGrant(refresh()), (answer) => answer);
if (config.end === 'code_replay') {
  await step('code_replay_refused', () => refusedGrant(redeem(session, callback)), (answer) => answer);
  await refreshRefused('refresh_after_code_replay_refused');
} else {
  const hint = { token_type_hint: 'refresh_token' };
  await step('revocation', () => oidc.tokenRevocation(server, tokens.refresh_token, hint));
  await refreshRefused('refresh_after_revocation_refused');
}
if (config.revoked_resource_status) {
  const call = () => callResource(session, fresh.access_token, config.revoked_resource_status);
  await step('resource_after_end_refused', call, (answer) => answer);
}
process.exit(0);
