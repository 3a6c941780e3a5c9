import { KartaError } from '@karta/protocol';
import type { ControlPlaneConfig } from '../config.ts';
import type { Invitations } from './invitations.ts';

/**
 * Whether an address may sign up. An invitation is for one address; where sign-up is closed only
 * those of an operator count.
 */
export async function admitSignUp(
  mode: ControlPlaneConfig['signup'],
  invitations: Invitations,
  email: string,
  token: string | null,
): Promise<void> {
  if (mode === 'open') return;
  if (token === null) throw new KartaError('sign_up_closed');
  const invitation = await invitations.inspect(token);
  const admits = invitation.email === email && (mode === 'invite' || invitation.by_operator);
  if (!admits) throw new KartaError('sign_up_closed');
}
