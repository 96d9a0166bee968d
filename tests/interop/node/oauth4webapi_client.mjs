// oauth4webapi, the low-level library, as the library of client.mjs: what openid-client does by itself is spelled out.

import * as oauth from 'oauth4webapi';
import { authentication, metadata, requestKey } from './registration.mjs';

async function discover(issuer, options) {
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
}

/** The server may answer the first proof with a nonce; the second one has it (RFC 9449 section 8). */
const withNonce = (attempt) => attempt().catch((error) => (
  oauth.isDPoPNonceError(error) ? attempt() : Promise.reject(error)
));

/** Discovers the server and returns what the client can do there. */
export async function createClient(config, fetch) {
  const plain = { [oauth.customFetch]: fetch };
  const server = await discover(new URL(config.issuer), plain);
  const client = { client_id: config.client_id, ...metadata(config) };
  const authenticate = await authentication(oauth, config);
  const DPoP = config.tls_client_certificate_bound_access_tokens
    ? undefined
    : oauth.DPoP(client, await oauth.generateKeyPair(config.dpop_alg ?? 'ES256'));
  const bound = { ...plain, DPoP };
  const toToken = { ...bound, additionalParameters: config.resource_parameter && { resource: config.resource_parameter } };

  async function push(parameters, withProof) {
    const pushed = config.signed_requests
      ? { request: await oauth.issueRequestObject(server, client, parameters, await requestKey(config)) }
      : parameters;
    const response = await oauth.pushedAuthorizationRequest(server, client, authenticate, pushed, withProof ? bound : plain);
    const { request_uri: requestUri } = await oauth.processPushedAuthorizationResponse(server, client, response);
    const url = new URL(server.authorization_endpoint);
    url.searchParams.set('client_id', client.client_id);
    url.searchParams.set('request_uri', requestUri);
    return url;
  }

  async function redeem(callback, { verifier, state, nonce }) {
    const parameters = oauth.validateAuthResponse(server, client, callback, state);
    const response = await oauth.authorizationCodeGrantRequest(
      server, client, authenticate, parameters, config.redirect_uri, verifier, toToken,
    );
    const checks = { expectedNonce: nonce, requireIdToken: nonce !== undefined };
    const tokens = await oauth.processAuthorizationCodeResponse(server, client, response, checks);
    if (tokens.id_token) await oauth.validateApplicationLevelSignature(server, response, plain);
    return tokens;
  }

  async function userinfo(accessToken, subject) {
    const response = await oauth.userInfoRequest(server, client, accessToken, bound);
    return oauth.processUserInfoResponse(server, client, subject, response);
  }

  async function refresh(refreshToken) {
    const response = await oauth.refreshTokenGrantRequest(server, client, authenticate, refreshToken, toToken);
    return oauth.processRefreshTokenResponse(server, client, response);
  }

  async function revoke(token) {
    const options = { ...plain, additionalParameters: { token_type_hint: 'refresh_token' } };
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(server, client, authenticate, token, options),
    );
  }

  return {
    server,
    proofKeyThumbprint: () => DPoP.calculateThumbprint(),
    push: (parameters, withProof) => withNonce(() => push(parameters, withProof)),
    redeem: (callback, checks) => withNonce(() => redeem(callback, checks)),
    claims: (tokens) => oauth.getValidatedIdTokenClaims(tokens),
    userinfo: (accessToken, subject) => withNonce(() => userinfo(accessToken, subject)),
    call: (accessToken, url) => withNonce(() => (
      oauth.protectedResourceRequest(accessToken, 'GET', url, undefined, undefined, bound)
    )),
    refresh: (refreshToken) => withNonce(() => refresh(refreshToken)),
    revoke,
  };
}
