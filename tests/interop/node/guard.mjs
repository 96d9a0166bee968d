// oauth4webapi's resource-server check of a DPoP-bound JWT access token, with the replay set that it leaves to its user.

import { decodeJwt } from 'jose';
import * as oauth from 'oauth4webapi';

const PROOF_LIFETIME = 600_000; // oauth4webapi accepts proofs up to 300 s old and up to 300 s ahead

/** Remembers each (key, jti) pair until its proof is too old to be accepted. */
class ReplaySet {
  #seen = new Map();

  remember(thumbprint, jti) {
    const now = Date.now();
    const id = `${thumbprint} ${jti}`;
    if (this.#seen.has(id)) throw new Error('DPoP proof was used before');
    this.#seen.set(id, now + PROOF_LIFETIME);
    // Insertion order is expiry order, so the expired entries are the first ones.
    for (const [old, expires] of this.#seen) {
      if (expires > now) break;
      this.#seen.delete(old);
    }
  }
}

/**
 * Returns `verify(request: Request) -> claims`, which throws on refusal.
 * `jwks` given: no request is made for the issuer's keys; else they come from `jwks_uri`.
 */
export function createGuard({ issuer, audience, jwks, jwks_uri: jwksUri }) {
  const server = { issuer, jwks_uri: jwksUri ?? 'https://keys.invalid/jwks' };
  const replays = new ReplaySet();
  const options = {
    requireDPoP: true,
    signingAlgorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'],
    ...(jwks && { [oauth.customFetch]: async () => Response.json(jwks) }),
  };
  return async (request) => {
    const claims = await oauth.validateJwtAccessToken(server, request, audience, options);
    replays.remember(claims.cnf.jkt, decodeJwt(request.headers.get('dpop')).jti);
    return claims;
  };
}
