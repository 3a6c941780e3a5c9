import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { authRequest, grantedRequest, refusal, tokenOf } from './auth-request.ts';

/** By which control planes know this program. */
const CLIENT = { client_id: 'karta-cli' };
const GRANT = 'urn:ietf:params:oauth:grant-type:device_code';

const device = z.object({
  device_code: z.string(),
  user_code: z.string(),
  verification_uri_complete: z.url(),
  /** Seconds. */
  expires_in: z.number().positive(),
  interval: z.number().positive(),
});
const refused = z.object({ reason: z.string() });

/** Where a person lets this program sign in, and the code by which they know it. */
export interface BrowserQuestion {
  url: string;
  code: string;
}

/**
 * Signs a person in by a page of the control plane (RFC 8628): `tell` hears where it is, and once
 * the person has said yes there, this resolves with a token for `Authorization: Bearer`. Throws
 * `CliError`: refused, not answered in time, nobody answers.
 */
export async function signInByBrowser(
  controlUrl: string,
  tell: (question: BrowserQuestion) => void,
): Promise<string> {
  const { body } = await grantedRequest(controlUrl, '/device/code', CLIENT);
  const asked = device.parse(body);
  tell({ url: asked.verification_uri_complete, code: asked.user_code });
  let waitMs = asked.interval * 1000;
  const ends = performance.now() + asked.expires_in * 1000;
  while (performance.now() < ends) {
    await delay(waitMs);
    const answer = await authRequest(controlUrl, '/device/token', {
      ...CLIENT,
      grant_type: GRANT,
      device_code: asked.device_code,
    });
    if (answer.response.ok) return tokenOf(answer);
    const reason = refused.safeParse(answer.body).data?.reason;
    if (reason === 'slow_down') waitMs += 1_000;
    else if (reason === 'access_denied') throw denied();
    else if (reason !== 'authorization_pending') throw refusal(answer);
  }
  throw new CliError('refused', 'Nobody answered in the browser', 'Begin anew: karta login');
}

function denied(): CliError {
  return new CliError(
    'refused',
    'The sign-in was refused in the browser',
    'If that was not you, do nothing; else begin anew: karta login',
  );
}
