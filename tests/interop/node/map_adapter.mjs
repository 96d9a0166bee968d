// Storage for oidc-provider in plain Maps. Its own memory adapter keeps the newest 1000 entries only, which a
// benchmark overruns within a second and would then measure misses.

const GRANT_MEMBERS = new Set(['AccessToken', 'AuthorizationCode', 'RefreshToken']);

export function createMapAdapter() {
  const entries = new Map();
  const grants = new Map();
  const sessions = new Map();

  const read = (key) => {
    const entry = entries.get(key);
    if (entry === undefined || entry.expires > Date.now()) return entry?.payload;
    entries.delete(key);
    return undefined;
  };

  const join = (grantId, key) => {
    if (!grants.has(grantId)) grants.set(grantId, new Set());
    grants.get(grantId).add(key);
  };

  return (model) => ({
    async upsert(id, payload, expiresIn) {
      const key = `${model}:${id}`;
      entries.set(key, { payload, expires: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
      if (payload.grantId && GRANT_MEMBERS.has(model)) join(payload.grantId, key);
      if (model === 'Session') sessions.set(payload.uid, id);
    },
    async find(id) { return read(`${model}:${id}`); },
    async findByUid(uid) { return read(`${model}:${sessions.get(uid)}`); },
    async consume(id) { read(`${model}:${id}`).consumed = Math.floor(Date.now() / 1000); },
    async destroy(id) { entries.delete(`${model}:${id}`); },
    async revokeByGrantId(grantId) {
      for (const key of grants.get(grantId) ?? []) entries.delete(key);
      grants.delete(grantId);
    },
  });
}
