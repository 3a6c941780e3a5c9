import { KartaError, type TokenScope } from '@karta/protocol';
import type { Principal } from '../control/port.ts';

/** What a session token must have for an operation; `never`: it is for API keys. */
export type TokenNeeds = TokenScope | 'never';

/**
 * Throws `KartaError('forbidden')` for a session token without `needs`. API keys and staff pass: their
 * scopes are looked at apart.
 */
export function requireTokenScope(principal: Principal, needs: TokenNeeds): void {
  if (principal.token === null) return;
  if (needs === 'never') {
    throw new KartaError('forbidden', 'This needs an API key; a session token may not.');
  }
  if (!principal.token.scopes.includes(needs)) {
    throw new KartaError('forbidden', `This needs a session token minted with "${needs}".`);
  }
}

/** The one session that a token is for, or `null`. */
export function onlySessionOf({ token, staff }: Principal): string | null {
  return token?.sessionId ?? staff?.sessionId ?? null;
}

/** When a token ends, in seconds since the epoch; `null` for an API key. */
export function expiryOf({ token, staff }: Principal): number | null {
  return token?.expiresAt ?? staff?.expiresAt ?? null;
}

/**
 * Metadata as a caller may send it: a session token's own is put over it. Throws
 * `KartaError('forbidden')` when it would change a key that the token sets.
 */
export function withPinnedMetadata(
  principal: Principal,
  sent: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const pinned = principal.token?.metadata ?? {};
  for (const key of Object.keys(sent)) {
    if (!Object.hasOwn(pinned, key)) continue;
    if (JSON.stringify(sent[key]) === JSON.stringify(pinned[key])) continue;
    throw new KartaError(
      'forbidden',
      `The token sets the metadata "${key}"; it cannot be changed.`,
    );
  }
  return { ...sent, ...pinned };
}
