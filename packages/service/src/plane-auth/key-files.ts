import { secretFile } from '../secret-file.ts';
import { newPlaneKey, type PlanePrivateKey, planePrivateKey } from './key-pair.ts';

/** One key for each direction. */
export interface PlaneKeys {
  /** Signs what the control plane asks of the data plane. */
  control: PlanePrivateKey;
  /** Signs what the data plane asks of the control plane. */
  data: PlanePrivateKey;
}

/**
 * The keys of a platform home, made at first use in `secrets/plane-control.json` and
 * `secrets/plane-data.json`, readable by the owner alone. Throws an `Error` that names a file which
 * is damaged.
 */
export async function planeKeys(home: string): Promise<PlaneKeys> {
  const [control, data] = await Promise.all([
    keyIn(home, 'plane-control.json'),
    keyIn(home, 'plane-data.json'),
  ]);
  return { control, data };
}

async function keyIn(home: string, name: string): Promise<PlanePrivateKey> {
  const text = await secretFile(home, name, () => JSON.stringify(newPlaneKey()));
  const key = planePrivateKey.safeParse(parsed(text));
  // Nothing of the file is told: it is a secret.
  if (key.success) return key.data;
  throw new Error(`${home}/secrets/${name} is damaged: remove it, and restart both planes`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
