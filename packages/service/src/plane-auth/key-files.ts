import { secretFile } from '../secret-file.ts';
import { newPlaneKey, type PlanePrivateKey, planePrivateKey } from './key-pair.ts';

/** One key for each that asks. */
export interface PlaneKeys {
  /** Signs what the control plane asks of the data plane. */
  control: PlanePrivateKey;
  /** Signs what the data plane asks of the control plane. */
  data: PlanePrivateKey;
  /** Signs what the doors ask of the control plane. */
  doors: PlanePrivateKey;
}

/**
 * The keys of a platform home, made at first use in `secrets/plane-control.json`, `plane-data.json`
 * and `plane-doors.json`, readable by the owner alone. Throws an `Error` that names a file which is
 * damaged.
 */
export async function planeKeys(home: string): Promise<PlaneKeys> {
  const [control, data, doors] = await Promise.all([
    keyIn(home, 'plane-control.json'),
    keyIn(home, 'plane-data.json'),
    keyIn(home, 'plane-doors.json'),
  ]);
  return { control, data, doors };
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
