import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../home/atomic-file.ts';
import { readJsonFile } from '../home/json-file.ts';
import { signKeyOffer } from './key-offer.ts';
import { newPlaneKey, type PlanePrivateKey, planePrivateKey, publicHalf } from './key-pair.ts';

const madeKey = z.strictObject({
  key: planePrivateKey,
  rotation_id: z.string(),
  /** As it was told: whoever asks again hears the same. */
  offer: z.string(),
});

const keyFile = z.strictObject({
  /** The key that was configured when these were made; under another they mean nothing. */
  configured: z.string(),
  /** What signs, once it is not the configured key any more. */
  current: madeKey.nullable(),
  /** What was offered, and is not used yet. */
  next: madeKey.nullable(),
});
type KeyFile = z.infer<typeof keyFile>;

/**
 * What a data plane, or its doors, sign with. It begins as the key that they are configured with,
 * whose name they keep, and changes when the control plane asks for it.
 */
export interface RotatingKey {
  /** What to sign with now. */
  current(): PlanePrivateKey;
  /** The next key for this rotation, on disk before it is told. The same when asked again. */
  offer(rotationId: string): Promise<string>;
  /** Signs with the key that was offered from now on; `false` when it was never offered. */
  use(kid: string): Promise<boolean>;
}

/** The key of `path`, if it follows from the configured one. Throws an `Error` for a damaged file. */
export async function openRotatingKey(
  path: string,
  configured: PlanePrivateKey,
): Promise<RotatingKey> {
  const found = await readJsonFile(path, keyFile);
  let state: KeyFile =
    found?.configured === configured.kid
      ? found
      : { configured: configured.kid, current: null, next: null };
  /** One change after the other. */
  let changing: Promise<unknown> = Promise.resolve();

  const current = () => state.current?.key ?? configured;

  async function keep(changed: KeyFile): Promise<void> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFileAtomically(path, JSON.stringify(changed));
    state = changed;
  }

  function inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = changing.then(change);
    changing = done.catch(() => undefined);
    return done;
  }

  return {
    current,
    offer: (rotationId) =>
      inTurn(async () => {
        for (const made of [state.next, state.current]) {
          if (made?.rotation_id === rotationId) return made.offer;
        }
        const key = newPlaneKey();
        const offer = await signKeyOffer(current(), { rotationId, key: publicHalf(key) });
        await keep({ ...state, next: { key, rotation_id: rotationId, offer } });
        return offer;
      }),
    use: (kid) =>
      inTurn(async () => {
        if (current().kid === kid) return true;
        if (state.next?.key.kid !== kid) return false;
        await keep({ ...state, current: state.next, next: null });
        return true;
      }),
  };
}
