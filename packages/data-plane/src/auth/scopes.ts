import { KartaError } from '@karta/protocol';
import type { Principal, Scope } from '../control/port.ts';

const RANK: Readonly<Record<Scope, number>> = { read: 0, write: 1, admin: 2 };

/** Throws `KartaError('forbidden')`, naming the scope, unless the principal has it or a higher one. */
export function requireScope(principal: Principal, scope: Scope): void {
  const enough = principal.scopes.some((held) => RANK[held] >= RANK[scope]);
  if (!enough) {
    throw new KartaError('forbidden', `This needs a credential with the scope "${scope}".`);
  }
}

/** Throws `KartaError('forbidden')` for anything but an API key: `what` is for those. */
export function requireApiKey(principal: Principal, what: string): void {
  if (principal.kind !== 'api_key') {
    throw new KartaError('forbidden', `${what} needs an API key; a token may not.`);
  }
}

/** Throws `KartaError('forbidden')` for a session token: `what` is for the org itself. */
export function refuseEndUser(principal: Principal, what: string): void {
  if (principal.kind === 'session_token') {
    throw new KartaError('forbidden', `${what} needs an API key; a session token may not.`);
  }
}
