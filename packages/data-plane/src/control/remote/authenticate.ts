import { isApiKey } from '@karta/service/home';
import type { PlaneClient } from '@karta/service/plane-auth';
import type { ControlPlane } from '../port.ts';
import { createKeyValidator } from './key-validator.ts';
import type { OrgGrants } from './org-grants.ts';
import { createTokenGrants } from './token-grants.ts';
import { createTokenVerifier, isJwt } from './token-verifier.ts';
import { Trust, type TrustSource } from './trust.ts';

export interface RemoteAuthParts {
  client: PlaneClient;
  /** What the control plane has told; the catalog is one. */
  source: TrustSource;
  grants: OrgGrants;
  /** How long a key that was good is taken for good while nobody can be asked, in milliseconds. */
  staleMs: number;
}

/** The half of the control plane's port that tells who calls. */
export type RemoteAuth = Required<Pick<ControlPlane, 'authenticate' | 'refuses' | 'onRefusals'>>;

/** Who is behind a credential: API keys are asked for, tokens are verified here. */
export function remoteAuth(parts: RemoteAuthParts): RemoteAuth {
  const { source, client, grants } = parts;
  const trust = new Trust(source);
  const tokens = createTokenVerifier(trust);
  const keys = createKeyValidator({ ...parts, trust });
  const tokenGrants = createTokenGrants(client, grants);
  return {
    async authenticate(credential) {
      if (isApiKey(credential)) return keys.validate(credential);
      if (!isJwt(credential)) return null;
      const principal = await tokens.verify(credential);
      if (principal !== null) await tokenGrants.ensure(principal.orgId, credential);
      return principal;
    },
    refuses: (principal) => trust.refuses(principal),
    onRefusals: (listener) => source.onChange(listener),
  };
}
