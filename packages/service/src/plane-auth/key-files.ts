import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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
  const folder = join(home, 'secrets');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const [control, data] = await Promise.all([
    keyIn(join(folder, 'plane-control.json')),
    keyIn(join(folder, 'plane-data.json')),
  ]);
  return { control, data };
}

async function keyIn(path: string): Promise<PlanePrivateKey> {
  return (await readKey(path)) ?? (await createKey(path));
}

async function readKey(path: string): Promise<PlanePrivateKey | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  const key = planePrivateKey.safeParse(parsed(text));
  // Nothing of the file is told: it is a secret.
  if (!key.success) throw new Error(`${path} is damaged: remove it, and restart both planes`);
  return key.data;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Whoever links first wins; everybody reads what the winner wrote. */
async function createKey(path: string): Promise<PlanePrivateKey> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(draft, `${JSON.stringify(await newPlaneKey())}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const key = await readKey(path);
  if (key === null) throw new Error(`${path} vanished while it was made`);
  return key;
}
