import type { Problem } from '@karta/protocol';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';

/** How long the control plane may take. A password's hash alone takes a moment. */
const ANSWER_MS = 30_000;

const signedIn = z.object({ token: z.string() });

/** What the login of a control plane answered. */
export interface AuthAnswer {
  response: Response;
  body: unknown;
}

/** Asks the login of a control plane. Throws `CliError` when nobody answers. */
export async function authRequest(
  controlUrl: string,
  path: string,
  body: unknown,
  options: { cookie?: string; token?: string } = {},
): Promise<AuthAnswer> {
  const { cookie, token } = options;
  try {
    const response = await fetch(new URL(`/v1/auth${path}`, controlUrl), {
      method: 'POST',
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        ...(cookie === undefined ? {} : { cookie }),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return { response, body: await response.json().catch(() => null) };
  } catch (cause) {
    throw new CliError(
      'unreachable',
      `No control plane answers at ${controlUrl}`,
      'Name it: karta login --url https://…, or start one: karta serve',
      { cause },
    );
  }
}

/** The same, for a request that must be granted. Throws `CliError` for a refusal. */
export async function grantedRequest(
  ...request: Parameters<typeof authRequest>
): Promise<AuthAnswer> {
  const answer = await authRequest(...request);
  if (answer.response.ok) return answer;
  throw refusal(answer);
}

/** The token of a login, for `Authorization: Bearer`. Throws `CliError` when the answer has none. */
export function tokenOf({ response, body }: AuthAnswer): string {
  const token = response.headers.get('set-auth-token') ?? signedIn.safeParse(body).data?.token;
  if (token !== undefined) return token;
  throw new CliError(
    'refused',
    'The control plane signed in without a token',
    'Is it a Karta control plane? Check the address.',
  );
}

/** The cookies that were set, as a `Cookie` header: they hold a sign-in that is half done. */
export function cookiesOf({ response }: AuthAnswer): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ');
}

/** A refusal as a person is told it. */
export function refusal({ response, body }: AuthAnswer): CliError {
  const { detail, suggestion } = (body ?? {}) as Partial<Problem>;
  const wait = response.headers.get('retry-after');
  return new CliError(
    'refused',
    detail ?? `The control plane answered ${response.status}`,
    suggestion ?? 'Is it a Karta control plane? Check the address.',
    wait === null ? {} : { details: [`try again in ${wait} s`] },
  );
}
