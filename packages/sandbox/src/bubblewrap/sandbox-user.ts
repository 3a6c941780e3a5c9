import { randomInt } from 'node:crypto';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { SandboxError } from '../port.ts';
import { alive, identify } from './process-identity.ts';

/**
 * A range that systemd's list of user ids calls unused. A volume draws its user once and keeps it,
 * so that its files never change owner; of 2^27 ids, two live sandboxes hardly ever draw the same,
 * and the lock files make sure.
 */
const FIRST_USER = 0x70000000;
const USERS = 2 ** 27;
/** Shared by every Karta of the machine, whatever its home. */
const LOCKS = '/run/karta/uids';

const holder = z.object({ pid: z.number(), started: z.string() });

export function drawUser(): number {
  return FIRST_USER + randomInt(USERS);
}

/** Reserves a user for one live sandbox of this machine. Throws `SandboxError('busy')`. */
export async function lockUser(user: number): Promise<() => Promise<void>> {
  await mkdir(LOCKS, { recursive: true, mode: 0o700 });
  const file = join(LOCKS, String(user));
  const content = JSON.stringify(identify(process.pid));
  for (let attempt = 0; attempt < 2; attempt += 1) {
    try {
      await writeFile(file, content, { flag: 'wx', mode: 0o600 });
      return () => rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (await held(file)) break;
      await rm(file, { force: true });
    }
  }
  throw new SandboxError('busy', `another live sandbox runs as user ${user}`);
}

async function held(file: string): Promise<boolean> {
  try {
    return alive(holder.parse(JSON.parse(await readFile(file, 'utf8'))));
  } catch {
    // Gone meanwhile, or cut short by a crash: nobody holds it.
    return false;
  }
}
