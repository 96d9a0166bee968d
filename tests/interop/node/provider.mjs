// An independent FAPI 2.0 authorization server: `node provider.mjs CONFIG.json`.
// CONFIG: {port, tls: {key, cert}, client_certificates, stop_with_stdin: bool} and what settings.mjs lists. Prints {"ready": true, "issuer": ...} when it serves,
// and {"refused": ...} on standard error for every error that it answers. The pages are described in interactions.mjs.

import { startProvider } from './authorization_server.mjs';
import { readConfig, say, stopCleanly } from './serving.mjs';

const config = readConfig();
const { servers, issuer } = await startProvider(config);
stopCleanly(config, ...servers);
say({ ready: true, issuer });
