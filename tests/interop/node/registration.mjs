// What client.mjs's libraries must know of the client's registration. They share these names: openid-client
// hands on what oauth4webapi makes.

import { importJWK } from 'jose';

async function privateKeyJwt(library, jwk) {
  const key = await importJWK(jwk, jwk.alg);
  // The library calls the algorithm Ed25519 (RFC 9864); a key registered as EdDSA (RFC 8037) keeps that name.
  const rename = { [library.modifyAssertion]: (header) => { header.alg = jwk.alg; } };
  // Its assertion's `aud` is the issuer as one string, as FAPI 2.0 wants.
  return library.PrivateKeyJwt({ key, kid: jwk.kid }, rename);
}

/** How the client authenticates: with its key, or with the certificate of its connection, either kind of which is silent. */
export const authentication = async (library, { private_jwk: jwk }) => (
  jwk ? privateKeyJwt(library, jwk) : library.TlsClientAuth()
);

/** What signs request objects (RFC 9101): the same key. */
export const requestKey = async ({ private_jwk: jwk }) => ({ key: await importJWK(jwk, jwk.alg), kid: jwk.kid });

export const metadata = (config) => ({
  id_token_signed_response_alg: config.id_token_signed_response_alg ?? 'ES256',
  use_mtls_endpoint_aliases: config.use_mtls_endpoint_aliases ?? config.client_certificate !== undefined,
});
