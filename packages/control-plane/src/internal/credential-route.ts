import { KartaError, type ValidatedCredential, validateCredentialBody } from '@karta/protocol';
import { isApiKey } from '@karta/service/home';
import { type BoundInternalRoute, internalRoute } from '@karta/service/plane-auth';
import { findKey } from '../keys/find-key.ts';
import type { LastUsed } from '../keys/last-used.ts';
import type { Database } from '../sql/database.ts';
import type { TokenKeys } from '../tokens/token-keys.ts';
import { verifyMintedToken } from '../tokens/verify-minted-token.ts';
import type { OrgGrants } from './org-grant.ts';

export interface CredentialRouteParts {
  database: Database;
  pepper: Buffer;
  lastUsed: LastUsed;
  grants: OrgGrants;
  tokenKeys: TokenKeys;
}

/**
 * `POST /v1/internal/credentials/validate`: whom an API key belongs to, and the grant by which the
 * node may act for that org. A session token or a staff token, which nodes verify by themselves, is brought for the
 * grant alone. Anything else is 404.
 */
export function credentialRoute(parts: CredentialRouteParts): BoundInternalRoute {
  const { database, pepper, lastUsed, grants } = parts;
  return internalRoute({
    method: 'POST',
    path: '/v1/internal/credentials/validate',
    body: validateCredentialBody,
    async handle({ body, nodeId }): Promise<ValidatedCredential> {
      const { credential } = body;
      if (!isApiKey(credential)) return grantForToken(parts, credential, nodeId);
      const key = await findKey(database, pepper, credential);
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

async function grantForToken(
  { database, tokenKeys, grants }: CredentialRouteParts,
  token: string,
  nodeId: string,
): Promise<ValidatedCredential> {
  const claims = await verifyMintedToken(database, tokenKeys, token);
  if (claims === null) throw new KartaError('not_found');
  return {
    principal_id: claims.jti,
    org_id: claims.orgId,
    mode: claims.mode,
    scopes: [],
    org_grant: grants.issue(nodeId, claims.orgId),
  };
}
