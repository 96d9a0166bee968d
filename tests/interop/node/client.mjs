// An independent FAPI 2.0 client against any server: `node client.mjs CONFIG.json`.
// CONFIG: issuer, client_id, redirect_uri, scope, resource (URL that answers 200; absent: not called);
//   library ("openid-client", the default, or "oauth4webapi")
//   private_jwk (with kid and alg; absent: the client authenticates with its certificate)
//   client_certificate (PEM file with certificate and key)
//   use_mtls_endpoint_aliases (default: whether there is a certificate)
//   tls_client_certificate_bound_access_tokens (true: no DPoP)
//   dpop_alg (default ES256)          id_token_signed_response_alg (default ES256)
//   par_dpop (default true: DPoP header at PAR; false: `dpop_jkt` parameter instead)
//   signed_requests (true: what is pushed is a request object, RFC 9101)
//   userinfo (default: scope has openid)   resource_parameter (RFC 8707 `resource` for the token requests)
//   end ("revocation", default: of the refresh token; "code_replay": the code is sent again, which must kill the grant)
//   revoked_resource_status (status of the resource call after that, e.g. 401; absent: not called)
//   trace (true: every HTTP exchange as a JSON line on standard error, tokens included)
// The certificate authority comes in the environment: NODE_EXTRA_CA_CERTS=ca.pem.
// Standard output is JSON lines: {"step", "ok", ...} for each step and, after the pushed request,
// {"authorization_url"}. Then the full callback URL is read as one line from standard input. Exit 0: all steps ok.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as oauth from 'oauth4webapi';
import { createCertificateFetch } from './certificate_fetch.mjs';
import { createClient as createWithOauth4webapi } from './oauth4webapi_client.mjs';
import { createClient as createWithOpenidClient } from './openid_client.mjs';
import { readConfig, say } from './serving.mjs';

const LIBRARIES = { 'openid-client': createWithOpenidClient, oauth4webapi: createWithOauth4webapi };

const config = readConfig();
const hasOpenid = config.scope.split(' ').includes('openid');
const byCertificate = config.tls_client_certificate_bound_access_tokens ?? false;

const traced = (fetch) => async (url, options) => {
  const response = await fetch(url, options);
  const body = await response.clone().text();
  console.error(JSON.stringify({
    request: { method: options.method, url, headers: options.headers, body: options.body && String(options.body) },
    response: { status: response.status, headers: Object.fromEntries(response.headers), body },
  }));
  return response;
};

function chooseFetch() {
  const chosen = config.client_certificate ? createCertificateFetch(readFileSync(config.client_certificate)) : fetch;
  return config.trace ? traced(chosen) : chosen;
}

async function discover() {
  const client = await LIBRARIES[config.library ?? 'openid-client'](config, chooseFetch());
  if (client.server.issuer !== config.issuer) throw new Error(`issuer is ${client.server.issuer}`);
  if (client.server.authorization_response_iss_parameter_supported !== true) throw new Error('no iss in responses (RFC 9207)');
  return client;
}

async function push({ client, state, nonce, verifier }) {
  const withProof = !byCertificate && (config.par_dpop ?? true);
  const parameters = {
    response_type: 'code',
    redirect_uri: config.redirect_uri,
    scope: config.scope,
    state,
    ...(nonce && { nonce }),
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  };
  if (!withProof && !byCertificate) parameters.dpop_jkt = await client.proofKeyThumbprint();
  return client.push(parameters, withProof);
}

const summary = ({ client }) => (tokens) => {
  // The libraries spell the type in lower case; a Bearer token in a DPoP flow is a downgrade.
  if (tokens.token_type !== (byCertificate ? 'bearer' : 'dpop')) throw new Error(`token_type is ${tokens.token_type}`);
  const { scope, expires_in, refresh_token } = tokens;
  return { scope, expires_in, claims: client.claims(tokens), refreshable: refresh_token !== undefined };
};

function expectStatus(status, expected) {
  if (status !== expected) throw new Error(`status ${status} instead of ${expected}`);
  return { status };
}

async function callResource({ client }, accessToken, expected) {
  const status = await client.call(accessToken, new URL(config.resource))
    .then((response) => response.status, (error) => error.status ?? Promise.reject(error));
  return expectStatus(status, expected);
}

/** What a thief of the token can do, who has neither certificate nor proof key. */
async function callWithTokenAlone({ token_type: type, access_token: accessToken }) {
  const { status } = await fetch(config.resource, { headers: { authorization: `${type} ${accessToken}` } });
  return expectStatus(status, 401);
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

const client = await step('discovery', discover, (found) => ({ issuer: found.server.issuer }));
const session = {
  client,
  state: oauth.generateRandomState(),
  nonce: hasOpenid ? oauth.generateRandomNonce() : undefined,
  verifier: oauth.generateRandomCodeVerifier(),
};

const authorizationUrl = await step('pushed_authorization_request', () => push(session));
say({ authorization_url: authorizationUrl.href });
const callback = await step('callback', readCallback, (url) => ({ parameters: [...url.searchParams.keys()] }));

const redeem = () => client.redeem(callback, session);
const tokens = await step('authorization_code', redeem, summary(session));
if (config.userinfo ?? hasOpenid) {
  const ask = () => client.userinfo(tokens.access_token, client.claims(tokens).sub);
  await step('userinfo', ask, (claims) => ({ claims }));
}
if (config.resource) {
  await step('resource', () => callResource(session, tokens.access_token, 200), (answer) => answer);
  await step('token_alone_refused', () => callWithTokenAlone(tokens), (answer) => answer);
}

const refresh = () => client.refresh(tokens.refresh_token);
const fresh = await step('refresh_token', refresh, summary(session));
if (config.resource) {
  await step('resource_after_refresh', () => callResource(session, fresh.access_token, 200), (answer) => answer);
}

const refreshRefused = (name) => step(name, () => refusedGrant(refresh()), (answer) => answer);
if (config.end === 'code_replay') {
  await step('code_replay_refused', () => refusedGrant(redeem()), (answer) => answer);
  await refreshRefused('refresh_after_code_replay_refused');
} else {
  await step('revocation', () => client.revoke(tokens.refresh_token));
  await refreshRefused('refresh_after_revocation_refused');
}
if (config.revoked_resource_status) {
  const call = () => callResource(session, fresh.access_token, config.revoked_resource_status);
  await step('resource_after_end_refused', call, (answer) => answer);
}
process.exit(0);
