import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';

/** Life of a grant, in seconds. */
export const ORG_GRANT_SECONDS = 10 * 60;
/** A turn that began under a grant goes on after it has ended: this long at most, in seconds. */
export const TURN_GRACE_SECONDS = 24 * 60 * 60;

/** When a grant was valid, in seconds since the epoch. */
export interface GrantWindow {
  issuedAt: number;
  expiresAt: number;
}

/**
 * Proof that a node has met a credential of an org: what it must show to read or book anything of
 * that org. Only this plane makes and checks them, so one secret of its own signs them.
 */
export interface OrgGrants {
  /** A grant for this node and org, for {@link ORG_GRANT_SECONDS}. */
  issue(nodeId: string, orgId: string): string;
  /** Whether it lets this node act within this org now. */
  allows(grant: string | null, nodeId: string, orgId: string): boolean;
  /**
   * The same for the model calls of a turn: it may have begun while the grant was valid, and no turn
   * is longer than {@link TURN_GRACE_SECONDS}.
   */
  allowsTurn(grant: string | null, nodeId: string, orgId: string): boolean;
  /**
   * When it was valid, whether or not it still is; `null` when it was never one for this node and
   * org. For what was measured then and is told now.
   */
  window(grant: string | null, nodeId: string, orgId: string): GrantWindow | null;
}

/** Grants under a key derived from the pepper. `now` in milliseconds since the epoch. */
export function createOrgGrants(pepper: Buffer, now: () => number = Date.now): OrgGrants {
  const key = Buffer.from(hkdfSync('sha256', pepper, '', 'karta org grants', 32));

  function signature(nodeId: string, orgId: string, issuedAt: number): Buffer {
    return createHmac('sha256', key)
      .update(JSON.stringify([nodeId, orgId, issuedAt]))
      .digest();
  }

  function window(grant: string | null, nodeId: string, orgId: string): GrantWindow | null {
    const match = /^og1\.(\d{1,12})\.([\w-]{43})$/.exec(grant ?? '');
    if (match === null) return null;
    const issuedAt = Number(match[1]);
    const given = Buffer.from(match[2] ?? '', 'base64url');
    const right = signature(nodeId, orgId, issuedAt);
    if (given.length !== right.length || !timingSafeEqual(given, right)) return null;
    return { issuedAt, expiresAt: issuedAt + ORG_GRANT_SECONDS };
  }

  return {
    issue(nodeId, orgId) {
      const issuedAt = Math.floor(now() / 1000);
      return `og1.${issuedAt}.${signature(nodeId, orgId, issuedAt).toString('base64url')}`;
    },
    allows(grant, nodeId, orgId) {
      const valid = window(grant, nodeId, orgId);
      return valid !== null && now() / 1000 < valid.expiresAt;
    },
    allowsTurn(grant, nodeId, orgId) {
      const valid = window(grant, nodeId, orgId);
      return valid !== null && now() / 1000 < valid.expiresAt + TURN_GRACE_SECONDS;
    },
    window,
  };
}
