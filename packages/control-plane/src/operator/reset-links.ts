import { randomBytes } from 'node:crypto';
import { isoTime, KartaError } from '@karta/protocol';
import { recordAudit } from '../audit/record.ts';
import type { Operator } from '../http/actor.ts';
import type { Login } from '../identity/login.ts';
import { resetLink } from '../identity/mailer.ts';
import type { Database } from '../sql/database.ts';
import { platformActor } from './operators.ts';

const TOKEN_BYTES = 24;
/** How long it works, in ms: as long as one that is mailed. */
const RESET_MS = 60 * 60 * 1000;

/**
 * A link by which a person chooses a new password, for servers without mail: whoever runs the server
 * hands it over. `KartaError('not_found')`.
 */
export async function passwordResetLinkFor(
  deps: { database: Database; login: Login; publicUrl: string },
  by: Operator,
  email: string,
): Promise<{ link: string; expires_at: string }> {
  const { internalAdapter } = await deps.login.$context;
  const found = await internalAdapter.findUserByEmail(email);
  if (!found) throw new KartaError('not_found', 'Nobody has signed up with this address.');
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const expiresAt = new Date(Date.now() + RESET_MS);
  await deps.database.transaction().execute((tx) =>
    recordAudit(tx, {
      actor: platformActor(by),
      action: 'people.reset_password',
      target: { kind: 'person', id: found.user.id },
    }),
  );
  // After its record: a link without one must not exist.
  await internalAdapter.createVerificationValue({
    identifier: `reset-password:${token}`,
    value: found.user.id,
    expiresAt,
  });
  return { link: resetLink(deps.publicUrl, token), expires_at: isoTime(expiresAt) };
}
