import { type ValidatedCredential, validatedCredential } from '@karta/protocol';
import type { PlaneClient } from '@karta/service/plane-auth';

/** How long the control plane may take to answer, in milliseconds. */
const ANSWER_MS = 2_000;

/** What the control plane knows of a credential; `null`: it is not good. Throws as the client. */
export function askAbout(
  client: PlaneClient,
  credential: string,
): Promise<ValidatedCredential | null> {
  return client.call(
    {
      method: 'POST',
      path: '/v1/internal/credentials/validate',
      json: { credential },
      timeoutMs: ANSWER_MS,
    },
    validatedCredential,
  );
}
