import type { Denial, SessionTokenClaims, SyncBody } from '@karta/protocol';
import { type CryptoKey, importJWK, type JWK } from 'jose';
import type { Principal } from '../port.ts';

/** What the control plane has told of credentials; the catalog is one. */
export interface TrustSource {
  /** What must not be accepted now, or `null`. */
  denial(kind: Denial['kind'], id: string): Denial | null;
  readonly tokenKeys: SyncBody['token_keys'];
  /** Calls `listener` after each change. */
  onChange(listener: () => void): void;
}

/** Why a credential is refused that would be good otherwise. */
export type Refusal = 'revoked' | 'org_suspended';

/** Decides by what the control plane has told: which keys sign tokens, and what is refused. */
export class Trust {
  readonly #source: TrustSource;
  readonly #imported = new WeakMap<object, Promise<CryptoKey>>();

  constructor(source: TrustSource) {
    this.#source = source;
  }

  /** Whether what a key of that name has signed still counts. */
  hasTokenKey(kid: string): boolean {
    return this.#source.tokenKeys.keys.some((one) => one.kid === kid);
  }

  /** The public key of that name, or `null`. */
  async tokenKey(kid: string): Promise<CryptoKey | null> {
    const jwk = this.#source.tokenKeys.keys.find((one) => one.kid === kid);
    if (jwk === undefined) return null;
    let key = this.#imported.get(jwk);
    if (key === undefined) {
      // A JWK of this kind is always a key pair's half, never bytes.
      key = importJWK(jwk as JWK, 'EdDSA') as Promise<CryptoKey>;
      this.#imported.set(jwk, key);
    }
    return key;
  }

  /** Why an API key is refused, by itself or with its whole org. */
  refusesKey(keyId: string, orgId: string): Refusal | null {
    if (this.#source.denial('org', orgId) !== null) return 'org_suspended';
    return this.#source.denial('api_key', keyId) === null ? null : 'revoked';
  }

  /** The same for a session token: by its id, its project, or whoever minted it. */
  refusesToken(
    token: Pick<SessionTokenClaims, 'jti' | 'iat' | 'org_id' | 'project_id' | 'minted_by'>,
  ): Refusal | null {
    const denial = this.#source.denial.bind(this.#source);
    if (denial('org', token.org_id) !== null) return 'org_suspended';
    if (denial('jti', token.jti) !== null || denial('api_key', token.minted_by) !== null) {
      return 'revoked';
    }
    const project = denial('project_tokens', token.project_id);
    if (project === null) return null;
    const { issued_before: before } = project;
    return before === null || token.iat < before ? 'revoked' : null;
  }

  /** Whether a principal that was let in must be let go. */
  refuses({ token, id, orgId, projectId }: Principal): boolean {
    if (token === null) return this.refusesKey(id, orgId) !== null;
    const { issuedAt: iat, mintedBy: minted_by } = token;
    const claims = { jti: id, iat, org_id: orgId, project_id: projectId ?? '', minted_by };
    return this.refusesToken(claims) !== null;
  }
}
