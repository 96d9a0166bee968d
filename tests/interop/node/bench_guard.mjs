// How many requests a second oauth4webapi verifies in process: `node bench_guard.mjs [REQUESTS.json ...]`, or with no
// file named, one path a line on standard input (so that rounds interleave with another guard's in a warm process).
// REQUESTS: {issuer, audience, jwks, concurrency (default 16), warm_up (default 0: the first N are not timed),
//   requests: [{method, url, authorization, dpop}]}, every one with a proof of its own.
// For each file one JSON line: {"verified", "seconds", "per_second", "replay_refused", "wrong_method_refused",
// "token_signature_refused", "proof_signature_refused"}.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGuard } from './guard.mjs';
import { say } from './serving.mjs';

const toRequest = ({ method, url, authorization, dpop }) => new Request(url, { method, headers: { authorization, dpop } });

async function verifyAll(verify, requests, concurrency) {
  let next = 0;
  const worker = async () => { while (next < requests.length) await verify(requests[next++]); };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

/** The same signed token with one character of its signature changed. */
const tampered = (token) => {
  const at = token.lastIndexOf('.') + 10;
  return token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
};

const refused = (attempt) => attempt.then(() => false, () => true);

async function measure(file) {
  const { concurrency = 16, warm_up: warmUp = 0, requests, ...settings } = JSON.parse(readFileSync(file, 'utf8'));
  const verify = createGuard(settings);
  // Building the Request objects is left out of the measurement: to the peer's advantage, so that nobody wonders.
  const built = requests.map(toRequest);
  // Shown on requests of the set itself: a guard that refuses everything, or nothing, is not worth measuring.
  const otherMethod = requests[0].method === 'PUT' ? 'GET' : 'PUT';
  const [first] = requests;
  const shown = {
    wrong_method_refused: await refused(verify(toRequest({ ...first, method: otherMethod }))),
    token_signature_refused: await refused(verify(toRequest({ ...first, authorization: tampered(first.authorization) }))),
    proof_signature_refused: await refused(verify(toRequest({ ...first, dpop: tampered(first.dpop) }))),
  };
  await verifyAll(verify, built.slice(0, warmUp), concurrency);
  const start = performance.now();
  await verifyAll(verify, built.slice(warmUp), concurrency);
  const seconds = (performance.now() - start) / 1000;
  const verified = requests.length - warmUp;
  say({
    verified, seconds, per_second: verified / seconds,
    replay_refused: await refused(verify(toRequest(requests[0]))),
    ...shown,
  });
}

const files = process.argv.length > 2 ? process.argv.slice(2) : createInterface({ input: process.stdin });
for await (const file of files) await measure(file);
