import { z } from 'zod';
import { cookiesOf, grantedRequest, tokenOf } from './auth-request.ts';

const needsSecondFactor = z.object({ twoFactorRedirect: z.literal(true) });

/** Asks the person for the code of their authenticator. */
export type AskCode = () => Promise<string>;

/**
 * Signs a person in. Resolves with a token for `Authorization: Bearer`. Throws `CliError`: wrong
 * credentials, too many tries, nobody answers.
 */
export async function signIn(
  controlUrl: string,
  person: { email: string; password: string },
  askCode: AskCode,
): Promise<string> {
  const first = await grantedRequest(controlUrl, '/sign-in/email', person);
  if (!needsSecondFactor.safeParse(first.body).success) return tokenOf(first);
  const code = (await askCode()).trim();
  // An authenticator's code is six digits; a backup code is something else.
  const path = /^\d{6}$/.test(code) ? 'verify-totp' : 'verify-backup-code';
  const cookie = cookiesOf(first);
  return tokenOf(await grantedRequest(controlUrl, `/two-factor/${path}`, { code }, { cookie }));
}

/** Makes an account; signing in is a step of its own. Throws `CliError`. */
export async function signUp(
  controlUrl: string,
  person: { email: string; password: string; name: string; invitation?: string },
): Promise<void> {
  await grantedRequest(controlUrl, '/sign-up/email', person);
}

/** Ends a login on the server. Throws `CliError` when nobody answers. */
export async function signOut(controlUrl: string, token: string): Promise<void> {
  await grantedRequest(controlUrl, '/sign-out', {}, { token });
}
