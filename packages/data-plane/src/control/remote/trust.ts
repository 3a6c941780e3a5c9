import { type Denial, type SyncBody, staffDenialId } from '@karta/protocol';
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

  /** Why a principal is refused that came with a good credential, or `null`. */
  refusal(principal: Principal): Refusal | null {
    const { token, staff, id, orgId, projectId } = principal;
    if (staff !== undefined) {
      return this.#refusesToken(orgId, staff.tokenId, staff.issuedAt, [
        'staff',
        staffDenialId(orgId, id),
      ]);
    }
    if (token === null) return this.refusesKey(id, orgId);
    const refused = this.#refusesToken(orgId, id, token.issuedAt, [
      'project_tokens',
      projectId ?? '',
    ]);
    if (refused !== null) return refused;
    return this.#source.denial('api_key', token.mintedBy) === null ? null : 'revoked';
  }

  /** By its org, its id, and by what refuses all that were issued before a moment. */
  #refusesToken(
    orgId: string,
    jti: string,
    issuedAt: number,
    [kind, id]: readonly [Denial['kind'], string],
  ): Refusal | null {
    if (this.#source.denial('org', orgId) !== null) return 'org_suspended';
    if (this.#source.denial('jti', jti) !== null) return 'revoked';
    const dated = this.#source.denial(kind, id);
    if (dated === null) return null;
    const { issued_before: before } = dated;
    return before === null || issuedAt < before ? 'revoked' : null;
  }

  /** Whether a principal that was let in must be let go. */
  refuses(principal: Principal): boolean {
    return this.refusal(principal) !== null;
  }
}
