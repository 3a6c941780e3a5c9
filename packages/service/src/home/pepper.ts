import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

const PEPPER_BYTES = 32;

/**
 * The key of every API key digest of this platform home, made at first use in `secrets/pepper`.
 * A stolen `local-control.json` alone lets nobody test guesses.
 */
export async function loadPepper(home: string): Promise<Buffer> {
  const folder = join(home, 'secrets');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, 'pepper');
  return (await readPepper(path)) ?? (await createPepper(path));
}

async function readPepper(path: string): Promise<Buffer | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
  if (!/^[0-9a-f]{64}\n?$/.test(text)) {
    throw new Error(`${path} is damaged: it must hold ${PEPPER_BYTES * 2} hex digits`);
  }
  return Buffer.from(text.trim(), 'hex');
}

/** Whoever links first wins; everybody reads what the winner wrote. */
async function createPepper(path: string): Promise<Buffer> {
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(draft, `${randomBytes(PEPPER_BYTES).toString('hex')}\n`, {
    mode: 0o600,
    flag: 'wx',
  });
  try {
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const pepper = await readPepper(path);
  if (pepper === null) throw new Error(`${path} vanished while it was made`);
  return pepper;
}
