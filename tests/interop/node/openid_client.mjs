// openid-client, a certified FAPI 2.0 client, as the library of client.mjs.

import * as oidc from 'openid-client';
import { authentication, metadata, requestKey } from './registration.mjs';

/** Discovers the server and returns what the client can do there. Nonces of the server are the library's affair. */
export async function createClient(config, fetch) {
  const options = {
    [oidc.customFetch]: fetch,
    // Without this the ID token's signature is not looked at: it came over TLS from the token endpoint.
    execute: [oidc.enableNonRepudiationChecks],
  };
  const server = await oidc.discovery(
    new URL(config.issuer), config.client_id, metadata(config), await authentication(oidc, config), options,
  );
  const DPoP = config.tls_client_certificate_bound_access_tokens
    ? undefined
    : oidc.getDPoPHandle(server, await oidc.randomDPoPKeyPair(config.dpop_alg ?? 'ES256'));
  const target = config.resource_parameter && { resource: config.resource_parameter };

  async function push(parameters, withProof) {
    const pushed = config.signed_requests
      ? (await oidc.buildAuthorizationUrlWithJAR(server, parameters, await requestKey(config))).searchParams
      : parameters;
    return oidc.buildAuthorizationUrlWithPAR(server, pushed, withProof ? { DPoP } : undefined);
  }

  return {
    server: server.serverMetadata(),
    proofKeyThumbprint: () => DPoP.calculateThumbprint(),
    push,
    /** Checks state, `iss`, and the ID token's signature, `iss`, `aud`, `exp` and nonce. */
    redeem: (callback, { verifier, state, nonce }) => oidc.authorizationCodeGrant(server, callback, {
      pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: nonce !== undefined,
    }, target, { DPoP }),
    claims: (tokens) => tokens.claims(),
    userinfo: (accessToken, subject) => oidc.fetchUserInfo(server, accessToken, subject, { DPoP }),
    call: (accessToken, url) => (
      oidc.fetchProtectedResource(server, accessToken, url, 'GET', undefined, undefined, { DPoP })
    ),
    refresh: (refreshToken) => oidc.refreshTokenGrant(server, refreshToken, target, { DPoP }),
    revoke: (refreshToken) => oidc.tokenRevocation(server, refreshToken, { token_type_hint: 'refresh_token' }),
  };
}
