import { lstatSync, mkdirSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The variable by which Node's processes and threads share what they compiled. */
const COMPILE_CACHE = 'NODE_COMPILE_CACHE';
const OTHERS_MAY_WRITE = 0o022;

/**
 * Lets this process, and those it starts, keep what Node compiled of their sources in the user's
 * cache: a command then starts with two thirds of the work. What lies there is run, so that it is
 * used only where nobody but this user can have put it; elsewhere nothing is kept. Respects a
 * folder that the environment names.
 */
export function keepCompiled(env: NodeJS.ProcessEnv = process.env): void {
  if (env[COMPILE_CACHE] !== undefined) return;
  const folder = ownFolder(env);
  if (folder === null) return;
  enableCompileCache(folder);
  env[COMPILE_CACHE] = folder;
}

/** The folder, made where it was not; `null` when it cannot be, or not for this user alone. */
export function ownFolder(env: NodeJS.ProcessEnv, home = homedir()): string | null {
  const root = env.KARTA_CACHE ?? join(env.XDG_CACHE_HOME ?? join(home, '.cache'), 'karta');
  const folder = join(root, 'compiled');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const above = env.KARTA_CACHE === undefined ? [env.XDG_CACHE_HOME ?? home] : [];
    return [...above, root, folder].every(isOwn) ? folder : null;
  } catch {
    // A read-only home, for one. Commands start without it as they would the first time.
    return null;
  }
}

function isOwn(path: string): boolean {
  const { uid, mode } = lstatSync(path);
  return uid === process.getuid?.() && (mode & OTHERS_MAY_WRITE) === 0;
}
