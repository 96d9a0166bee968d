// What every script here that serves has in common: configuration from argv, one `ready` line, a clean stop.

import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';

export const readConfig = () => JSON.parse(readFileSync(process.argv[2], 'utf8'));

export const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

/** Asks clients for a certificate and takes any: `authorized` of the socket tells whether `authority`, a file, issued it. */
const asking = ({ authority }) => ({
  requestCert: true, rejectUnauthorized: false, ca: authority && readFileSync(authority),
});

/**
 * Listens on loopback; `tls` is {key, cert} as file names, or absent for plain HTTP. Port 0 takes a free one.
 * With `client_certificates`, {authority} or {}, clients are asked for one.
 */
export async function listen({ port = 0, tls, client_certificates: clientCertificates }) {
  const server = tls
    ? createHttps({
      key: readFileSync(tls.key), cert: readFileSync(tls.cert), ...(clientCertificates && asking(clientCertificates)),
    })
    : createHttp();
  // Node drops idle connections after 5 s, at the moment when a pooled client may be about to reuse one.
  server.keepAliveTimeout = 120_000;
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  const origin = `${tls ? 'https' : 'http'}://localhost:${server.address().port}`;
  return { server, origin };
}

/**
 * Stops on SIGTERM and SIGINT; with `stop_with_stdin` also when standard input, a pipe, is closed, so that a test that
 * died leaves no server behind.
 */
export function stopCleanly(config, ...servers) {
  const stop = () => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
    process.exit(0);
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  if (config.stop_with_stdin) process.stdin.resume().once('end', stop);
}
