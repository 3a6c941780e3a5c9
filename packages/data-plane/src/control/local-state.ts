import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NETWORK_TARGETS, networkTarget } from '@karta/protocol';
import { parseJsonFile, writeFileAtomically } from '@karta/service/home';
import { z } from 'zod';
import { withFileLock } from './file-lock.ts';

/** A project's ref: what stands in its URL. */
export const projectRef = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'must be 1 to 63 lowercase letters, digits and inner hyphens',
  );

const releaseConfig = z.strictObject({
  memoryMb: z.int().positive().nullable(),
  cpus: z.number().positive().nullable(),
  diskMb: z.int().positive().nullable(),
  maxTurnMs: z.int().positive().nullable(),
  env: z.record(z.string(), z.string()),
  modelDefault: z.string().nullable(),
  networkAllow: z.array(networkTarget).max(NETWORK_TARGETS).default([]),
  providerTools: z.boolean().default(false),
});

const releaseRecord = z.strictObject({
  id: z.string(),
  project_id: z.string(),
  version: z.string().regex(/^v[1-9]\d*$/),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  harness: z.strictObject({ id: z.string(), version: z.string() }),
  created_at: z.iso.datetime(),
  config: releaseConfig,
});
export type ReleaseRecord = z.infer<typeof releaseRecord>;

const projectRecord = z.strictObject({
  id: z.string(),
  ref: projectRef,
  created_at: z.iso.datetime(),
  active_release_id: z.string().nullable(),
  allowed_origins: z.array(z.string()),
});
export type ProjectRecord = z.infer<typeof projectRecord>;

const apiKeyRecord = z.strictObject({
  id: z.string(),
  name: z.string(),
  prefix: z.string(),
  /** HMAC-SHA-256 under `secrets/pepper`, hex. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  scopes: z.array(z.enum(['read', 'write', 'admin'])),
  created_at: z.iso.datetime(),
});
export type ApiKeyRecord = z.infer<typeof apiKeyRecord>;

/** `local-control.json`: the system of record of a platform home without a control plane. */
export const localState = z.strictObject({
  format: z.literal(1),
  org: z.strictObject({
    id: z.string(),
    created_at: z.iso.datetime(),
    default_project_id: z.string().nullable(),
  }),
  projects: z.array(projectRecord),
  releases: z.array(releaseRecord),
  api_keys: z.array(apiKeyRecord),
});
export type LocalState = z.infer<typeof localState>;

export function localStatePath(home: string): string {
  return join(home, 'local-control.json');
}

/** The state, or `null` before the first start. Throws an `Error` naming the file when it is broken. */
export async function readLocalState(home: string): Promise<LocalState | null> {
  const path = localStatePath(home);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  return parseJsonFile(path, text, localState);
}

/**
 * Reads, changes and writes the state under the home's lock, so that two processes never lose each
 * other's change. `change` gets `null` before the first start and returns the state to write, or
 * `null` to leave the file as it is.
 */
export async function changeLocalState<T>(
  home: string,
  change: (state: LocalState | null) => Promise<{ state: LocalState | null; result: T }>,
): Promise<T> {
  return withFileLock(`${localStatePath(home)}.lock`, async () => {
    const { state, result } = await change(await readLocalState(home));
    if (state !== null) {
      const checked = localState.parse(state);
      await writeFileAtomically(localStatePath(home), `${JSON.stringify(checked, null, 2)}\n`);
    }
    return result;
  });
}
