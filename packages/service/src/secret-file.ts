import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const SECRET_BYTES = 32;

/**
 * A secret of this server as text, in `$KARTA_HOME/secrets/<name>`, readable by its owner alone and
 * made by `make` at first use. Of several that make it at once the first wins, and all read that one.
 */
export async function secretFile(
  home: string,
  name: string,
  make: () => string = () => randomBytes(SECRET_BYTES).toString('hex'),
): Promise<string> {
  const folder = join(home, 'secrets');
  const path = join(folder, name);
  const known = await readIfThere(path);
  if (known !== null) return known;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(draft, `${make()}\n`, { mode: 0o600, flag: 'wx' });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const made = await readIfThere(path);
  if (made === null) throw new Error(`${path} vanished while it was made`);
  return made;
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    if (text === '') throw new Error(`${path} is empty; restore it from a backup`);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
