// Mutual TLS for oidc-provider (RFC 8705): it asks for the certificate of a request and for a judgement of it.

const ALIASES = {
  token_endpoint: '/token',
  pushed_authorization_request_endpoint: '/request',
  revocation_endpoint: '/token/revocation',
  introspection_endpoint: '/token/introspection',
  userinfo_endpoint: '/me',
};

export const mutualTls = {
  enabled: true,
  certificateBoundAccessTokens: true,
  tlsClientAuth: true,
  selfSignedTlsClientAuth: true,
  getCertificate: (context) => context.socket.getPeerX509Certificate(),
  certificateAuthorized: (context) => context.socket.authorized,
  // Node writes a subject of one part as RFC 4514 does; more is not needed here.
  certificateSubjectMatches: (context, property, expected) => (
    property === 'tls_client_auth_subject_dn' && context.socket.getPeerX509Certificate().subject === expected
  ),
};

/** The endpoints once more, where certificates are asked for (section 5). */
export const aliases = (origin) => ({
  mtls_endpoint_aliases: Object.fromEntries(Object.entries(ALIASES).map(([name, path]) => [name, origin + path])),
});
