import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { totpCode } from '../../packages/control-plane/src/identity/testing/totp-code.ts';

const PASSWORD = 'operators have long ones';

/** Asks the admin plane as an operator. */
export type AskOperator = (method: string, path: string, body?: unknown) => Promise<Response>;

/** Becomes the first operator of a home by its one-time link. */
export async function firstOperator(
  home: string,
  url: string,
): Promise<{ email: string; password: string; totpUri: string; token: string }> {
  const link = (await readFile(join(home, 'operator-link'), 'utf8')).trim();
  const email = 'operator@example.com';
  const send = async (path: string, body: object, bearer?: string) => {
    const response = await ask(url, bearer)('POST', path, body);
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const answer = (await response.json()) as { totpURI?: string };
    return { answer, token: response.headers.get('set-auth-token') };
  };
  await send('/v1/enroll', {
    token: link.split('#token=')[1] ?? '',
    ...{ email, name: 'Op', password: PASSWORD },
  });
  const first = await send('/v1/auth/sign-in/email', { email, password: PASSWORD });
  const bearer = first.token ?? '';
  const enabled = await send('/v1/auth/two-factor/enable', { password: PASSWORD }, bearer);
  const totpUri = enabled.answer.totpURI ?? '';
  const code = { code: totpCode(totpUri) };
  const confirmed = await send('/v1/auth/two-factor/verify-totp', code, bearer);
  return { email, password: PASSWORD, totpUri, token: confirmed.token ?? bearer };
}

/** Asks the admin plane at `url` with a login. */
export function ask(url: string, token?: string): AskOperator {
  return (method, path, body) =>
    fetch(`${url}${path}`, {
      method,
      headers: {
        origin: new URL(url).origin,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
}
