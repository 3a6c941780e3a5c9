import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';

/** How long an activation may take to reach the data plane. Usual: milliseconds. */
const SERVED_MS = 10_000;
const LOOK_MS = 50;

const projectAnswer = z.object({ version: z.string().nullable() });

/** Resolves when the data plane creates sessions of that version. Throws `CliError` when it does not. */
export async function waitUntilServed(
  server: { url: string; apiKey: string },
  ref: string,
  version: string,
): Promise<void> {
  const deadline = performance.now() + SERVED_MS;
  let seen = 'nothing';
  while (performance.now() < deadline) {
    const response = await fetch(`${server.url}/v1/projects/${encodeURIComponent(ref)}`, {
      headers: { authorization: `Bearer ${server.apiKey}` },
      redirect: 'error',
    });
    const body: unknown = await response.json().catch(() => null);
    const parsed = projectAnswer.safeParse(body);
    if (response.ok && parsed.data?.version === version) return;
    seen = parsed.data?.version ?? String(response.status);
    await delay(LOOK_MS);
  }
  throw new CliError(
    'failed',
    `${ref} ${version} does not reach the data plane (it has ${seen})`,
    'Its logs are in the "logs" folder of the home.',
  );
}
