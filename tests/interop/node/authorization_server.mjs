// Starts oidc-provider from a configuration; shared by the interoperability tests and the benchmark.

import { Provider } from 'oidc-provider';
import { interactions } from './interactions.mjs';
import { listen } from './serving.mjs';
import { settings } from './settings.mjs';

// oidc-provider writes its notices with console.info, and standard output belongs to the protocol with the tests.
console.info = console.error;

const ERROR_EVENTS = [
  'authorization.error', 'grant.error', 'introspection.error', 'pushed_authorization_request.error',
  'revocation.error', 'server_error', 'userinfo.error',
];

/** The public answer hides the reason; whoever debugs a test needs it. */
function reportErrors(provider) {
  for (const event of ERROR_EVENTS) {
    provider.on(event, (context, error) => console.error(JSON.stringify({
      refused: context.path, error: error.message, description: error.error_description, detail: error.error_detail,
    })));
  }
}

export async function startProvider(config) {
  // Listening comes first: with port 0 the issuer is known only then.
  const { client_certificates: clientCertificates, ...plain } = config;
  const { server, origin } = await listen(plain);
  const issuer = config.issuer ?? origin;
  // Browsers must not be asked for a certificate, so that is done on a port of its own.
  const mutual = clientCertificates && await listen({ tls: config.tls, client_certificates: clientCertificates });
  const provider = new Provider(issuer, await settings({ ...config, mtls_origin: mutual?.origin }));
  provider.use(interactions(provider, config.accounts));
  reportErrors(provider);
  const servers = mutual ? [server, mutual.server] : [server];
  for (const each of servers) each.on('request', provider.callback());
  return { servers, issuer, provider };
}
