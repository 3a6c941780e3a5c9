import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../home/atomic-file.ts';
import { readJsonFile } from '../home/json-file.ts';
import type { TrustKeyBody } from './key-offer.ts';
import { isNamedByItself, type PlanePublicKey, planePublicKey } from './key-pair.ts';
import type { KnownPeers } from './service-verifier.ts';

const trustedKey = z.strictObject({
  key: planePublicKey,
  /** How long the keys before it count once it has signed a request, in milliseconds. */
  overlap_ms: z.int().nonnegative(),
  /** From when it counts no more, in milliseconds since the epoch. */
  refused_at: z.int().nullable(),
});

const trustedFile = z.strictObject({
  /** The key that was configured when these were told; under another they mean nothing. */
  configured: z.string(),
  /** Oldest first. */
  keys: z.array(trustedKey).min(1),
});
type TrustedFile = z.infer<typeof trustedFile>;

/** The keys of the control plane that a data plane believes. */
export interface TrustedKeys extends KnownPeers {
  /** Believes this one too; on disk when it resolves. `false` for a key under another's name. */
  trust(key: TrustKeyBody): Promise<boolean>;
}

/**
 * The key that is configured, until the control plane has told of another: once that one has signed
 * a request, those before it count for the overlap and no longer. `failed` hears when the end of an
 * old key could not be written down. Throws an `Error` for a damaged file.
 */
export async function openTrustedKeys(
  path: string,
  configured: PlanePublicKey,
  failed: (error: unknown) => void,
  now: () => number = Date.now,
): Promise<TrustedKeys> {
  const found = await readJsonFile(path, trustedFile);
  let state: TrustedFile =
    found?.configured === configured.kid
      ? found
      : {
          configured: configured.kid,
          keys: [{ key: configured, overlap_ms: 0, refused_at: null }],
        };
  let writing: Promise<unknown> = Promise.resolve();

  /** What counts changes at once, and is on disk when it resolves. */
  function keep(keys: TrustedFile['keys']): Promise<void> {
    state = { ...state, keys };
    const text = JSON.stringify(state);
    const written = writing.then(async () => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      await writeFileAtomically(path, text);
    });
    writing = written.catch(() => undefined);
    return written;
  }

  return {
    of(kid) {
      const known = state.keys.find(({ key }) => key.kid === kid);
      if (known === undefined) return null;
      if (known.refused_at !== null && known.refused_at <= now()) return null;
      return { key: known.key, node: known.key, kind: 'plane' };
    },
    met(kid) {
      const at = state.keys.findIndex(({ key }) => key.kid === kid);
      const before = state.keys.slice(0, Math.max(at, 0));
      const end = now() + (state.keys[at]?.overlap_ms ?? 0);
      // Later requests find ends that are earlier than theirs.
      if (before.every(({ refused_at }) => refused_at !== null && refused_at <= end)) return;
      const ended = before.map((old) => ({
        ...old,
        refused_at: Math.min(old.refused_at ?? end, end),
      }));
      keep([...ended, ...state.keys.slice(at)]).catch(failed);
    },
    async trust({ key, overlap_ms }) {
      if (!isNamedByItself(key)) return false;
      if (state.keys.some((known) => known.key.kid === key.kid)) {
        await writing;
        return true;
      }
      const counting = state.keys.filter(
        ({ refused_at }) => refused_at === null || refused_at > now(),
      );
      await keep([...counting, { key, overlap_ms, refused_at: null }]);
      return true;
    },
  };
}
