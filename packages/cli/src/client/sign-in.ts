import type { Problem } from '@karta/protocol';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';

/** How long the control plane may take. A password's hash alone takes a moment. */
const ANSWER_MS = 30_000;

const signedIn = z.object({ token: z.string() });
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
  const first = await post(controlUrl, '/v1/auth/sign-in/email', person, '');
  if (!needsSecondFactor.safeParse(first.body).success) return tokenOf(first);
  const code = (await askCode()).trim();
  // An authenticator's code is six digits; a backup code is something else.
  const path = /^\d{6}$/.test(code) ? 'verify-totp' : 'verify-backup-code';
  return tokenOf(await post(controlUrl, `/v1/auth/two-factor/${path}`, { code }, first.cookies));
}

/** Makes an account; signing in is a step of its own. Throws `CliError`. */
export async function signUp(
  controlUrl: string,
  person: { email: string; password: string; name: string; invitation?: string },
): Promise<void> {
  await post(controlUrl, '/v1/auth/sign-up/email', person, '');
}

/** Ends a login on the server. Throws `CliError` when nobody answers. */
export async function signOut(controlUrl: string, token: string): Promise<void> {
  await post(controlUrl, '/v1/auth/sign-out', {}, '', token);
}

interface Answer {
  body: unknown;
  /** The cookies that were set, as a `Cookie` header: they hold a sign-in that is half done. */
  cookies: string;
  bearer: string | null;
}

function tokenOf({ body, bearer }: Answer): string {
  const token = bearer ?? signedIn.safeParse(body).data?.token;
  if (token !== undefined) return token;
  throw new CliError(
    'refused',
    'The control plane signed in without a token',
    'Is it a Karta control plane? Check the address.',
  );
}

async function post(
  controlUrl: string,
  path: string,
  body: unknown,
  cookie: string,
  token?: string,
): Promise<Answer> {
  const { origin } = new URL(controlUrl);
  let response: Response;
  try {
    response = await fetch(new URL(path, controlUrl), {
      method: 'POST',
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        origin,
        ...(cookie === '' ? {} : { cookie }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
  } catch (cause) {
    throw new CliError(
      'unreachable',
      `No control plane answers at ${controlUrl}`,
      'Name it: karta login --url https://…, or start one: karta serve',
      { cause },
    );
  }
  const answer: unknown = await response.json().catch(() => null);
  if (!response.ok) throw refusal(response, answer);
  const cookies = response.headers.getSetCookie().map((line) => line.split(';')[0]);
  return {
    body: answer,
    cookies: cookies.join('; '),
    bearer: response.headers.get('set-auth-token'),
  };
}

function refusal(response: Response, body: unknown): CliError {
  const { detail, suggestion } = (body ?? {}) as Partial<Problem>;
  const wait = response.headers.get('retry-after');
  return new CliError(
    'refused',
    detail ?? `The control plane answered ${response.status}`,
    suggestion ?? 'Is it a Karta control plane? Check the address.',
    wait === null ? {} : { details: [`try again in ${wait} s`] },
  );
}
