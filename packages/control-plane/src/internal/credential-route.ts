import { KartaError, type ValidatedCredential, validateCredentialBody } from '@karta/protocol';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import { findKey } from '../keys/find-key.ts';
import type { LastUsed } from '../keys/last-used.ts';
import type { Database } from '../sql/database.ts';
import type { OrgGrants } from './org-grant.ts';

export interface CredentialRouteParts {
  database: Database;
  pepper: Buffer;
  lastUsed: LastUsed;
  grants: OrgGrants;
}

/**
 * `POST /v1/internal/credentials/validate`: whom an API key belongs to, and the grant by which the
 * node may act for that org. Anything but a good key is 404.
 */
export function credentialRoute(parts: CredentialRouteParts): BoundInternalRoute {
  const { database, pepper, lastUsed, grants } = parts;
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/credentials/validate',
    body: validateCredentialBody,
    async handle({ body, nodeId }): Promise<ValidatedCredential> {
      const key = await findKey(database, pepper, body.credential);
      if (key === null) throw new KartaError('not_found');
      lastUsed.note(key.id);
      return {
        principal_id: key.id,
        org_id: key.org_id,
        mode: key.mode,
        scopes: key.scopes,
        org_grant: grants.issue(nodeId, key.org_id),
      };
    },
  });
}
