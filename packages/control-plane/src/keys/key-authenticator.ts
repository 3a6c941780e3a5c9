import { credentialOf } from '@karta/http';
import type { Authenticator } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import { findKey } from './find-key.ts';
import type { LastUsed } from './last-used.ts';

/** Resolves API keys on the control plane's own routes. Throws `KartaError('org_suspended')`. */
export function keyAuthenticator(
  database: Database,
  pepper: Buffer,
  lastUsed: LastUsed,
): Authenticator {
  return {
    async actorOf(headers) {
      const credential = credentialOf(headers);
      const key = credential === null ? null : await findKey(database, pepper, credential);
      if (key === null) return null;
      lastUsed.note(key.id);
      const { id, org_id: orgId, scopes, mode } = key;
      return { kind: 'api_key', id, orgId, scopes, mode };
    },
  };
}
