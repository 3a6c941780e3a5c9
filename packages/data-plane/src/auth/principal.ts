import { credentialOf } from '@karta/http';
import { KartaError } from '@karta/protocol';
import type { ControlPlane, Principal } from '../control/port.ts';

/**
 * Who sends the request. Throws `KartaError` (`unauthenticated`, `conflicting_credentials`); the
 * answer to a wrong credential is the same as to none.
 */
export async function authenticate(
  control: Pick<ControlPlane, 'authenticate'>,
  headers: Pick<Headers, 'get'>,
): Promise<Principal> {
  const credential = credentialOf(headers);
  const principal = credential === null ? null : await control.authenticate(credential);
  if (principal === null) throw new KartaError('unauthenticated');
  return principal;
}
