// A resource server's check of a certificate-bound JWT access token (RFC 8705 section 3), on jose and Node's TLS alone:
// oauth4webapi, which guard.mjs stands on, refuses every confirmation but that of DPoP.

import { createHash } from 'node:crypto';
import { createRemoteJWKSet, jwtVerify } from 'jose';

const thumbprint = (certificate) => createHash('sha256').update(certificate.raw).digest('base64url');

/** Returns `verify(request: Request, certificate: X509Certificate | undefined) -> claims`, which throws on refusal. */
export function createCertificateGuard({ issuer, audience, jwks_uri: jwksUri }) {
  const keys = createRemoteJWKSet(new URL(jwksUri));
  const checks = {
    issuer,
    audience,
    typ: 'at+jwt',
    algorithms: ['ES256', 'PS256', 'EdDSA', 'Ed25519'],
    requiredClaims: ['exp', 'iat', 'jti', 'sub', 'client_id', 'cnf'],
  };
  return async (request, certificate) => {
    const [, token] = /^Bearer ([^ ]+)$/i.exec(request.headers.get('authorization')) ?? [];
    if (token === undefined) throw new Error('no bearer token');
    const { payload } = await jwtVerify(token, keys, checks);
    if (certificate === undefined) throw new Error('no client certificate');
    if (payload.cnf['x5t#S256'] !== thumbprint(certificate)) throw new Error('bound to another certificate');
    return payload;
  };
}
