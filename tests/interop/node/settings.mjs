// oidc-provider as a FAPI 2.0 Security Profile authorization server, from one JSON configuration:
//   issuer              default https://localhost:<port>
//   clients             RFC 7591 metadata with client_id and jwks; the defaults below fill in the FAPI choices
//   accounts            [{username, password, sub, claims}]
//   resource            {identifier, scope}: the default resource, and so the `aud` of every JWT access token
//   dpop                {nonce_secret: 32 bytes as base64url, require_nonce: bool}; without a secret, no nonces
//   use_granted_resource  default true: access tokens are JWTs for `resource`. false: a token asked for without a
//                       `resource` parameter is opaque and good for userinfo alone (oidc-provider's userinfo
//                       endpoint refuses every token that has an audience)
//   require_signed_requests  true: authorization requests are request objects (RFC 9101)
//   code_lifetime       seconds, default 60
//   mtls_origin         where clients are asked for certificates; absent: mutual TLS is off

import { randomBytes } from 'node:crypto';
import { errors } from 'oidc-provider';
import { exportJWK, generateKeyPair } from 'jose';
import { createMapAdapter } from './map_adapter.mjs';
import { errorPage } from './interactions.mjs';
import { aliases, mutualTls } from './mutual_tls.mjs';

const ALGORITHMS = ['ES256', 'PS256', 'EdDSA', 'Ed25519'];
const CERTIFICATE_METHODS = ['tls_client_auth', 'self_signed_tls_client_auth'];

const CLIENT_DEFAULTS = {
  token_endpoint_auth_method: 'private_key_jwt',
  id_token_signed_response_alg: 'ES256',
  dpop_bound_access_tokens: true,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
};

async function signingKey() {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  return { ...await exportJWK(privateKey), kid: 'interop-es256', alg: 'ES256', use: 'sig' };
}

function accountFinder(accounts) {
  return async (_context, sub) => {
    const account = accounts.find((candidate) => candidate.sub === sub);
    return account && { accountId: sub, claims: async () => ({ ...account.claims, sub }) };
  };
}

function resourceIndicators(config) {
  const { identifier, scope } = config.resource;
  return {
    enabled: true,
    defaultResource: async () => identifier,
    useGrantedResource: async () => config.use_granted_resource ?? true,
    getResourceServerInfo: async (_context, asked) => {
      if (asked !== identifier) throw new errors.InvalidTarget();
      return { scope, audience: identifier, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } };
    },
  };
}

function dpop({ nonce_secret: secret, require_nonce: required = false } = {}) {
  return {
    enabled: true,
    nonceSecret: secret && Buffer.from(secret, 'base64url'),
    requireNonce: () => required,
  };
}

export async function settings(config) {
  return {
    adapter: createMapAdapter(),
    clients: config.clients,
    clientDefaults: CLIENT_DEFAULTS,
    clientAuthMethods: ['private_key_jwt', ...(config.mtls_origin ? CERTIFICATE_METHODS : [])],
    discovery: config.mtls_origin && aliases(config.mtls_origin),
    enabledJWA: {
      clientAuthSigningAlgValues: ALGORITHMS,
      dPoPSigningAlgValues: ALGORITHMS,
      idTokenSigningAlgValues: ['ES256'],
      requestObjectSigningAlgValues: ALGORITHMS,
      userinfoSigningAlgValues: ['ES256'],
    },
    cookies: { keys: [randomBytes(32).toString('base64url')] },
    jwks: { keys: [await signingKey()] },
    findAccount: accountFinder(config.accounts),
    responseTypes: ['code'],
    // The resource's scopes stand here too, so that clients may register them and find them in the metadata.
    scopes: ['openid', ...config.resource.scope.split(' ')],
    // Tokens outlive the browser session and need no offline_access: what a FAPI client expects of a grant.
    expiresWithSession: async () => false,
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: false, // FAPI2-SP 5.3.2.1-9 advises against rotation
    renderError: errorPage,
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    ttl: {
      AccessToken: 300,
      AuthorizationCode: config.code_lifetime ?? 60,
      ClientCredentials: 300,
      Grant: 3600,
      IdToken: 300,
      Interaction: 600,
      RefreshToken: 3600,
      Session: 3600,
    },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      dPoP: dpop(config.dpop),
      fapi: { enabled: true, profile: '2.0' },
      introspection: { enabled: true },
      mTLS: config.mtls_origin ? mutualTls : { enabled: false },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: true },
      requestObjects: config.require_signed_requests
        ? { enabled: true, requireSignedRequestObject: true }
        : { enabled: false },
      resourceIndicators: resourceIndicators(config),
      revocation: { enabled: true },
      rpInitiatedLogout: { enabled: false },
    },
  };
}
