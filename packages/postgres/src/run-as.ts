import { readFile, stat } from 'node:fs/promises';
import { PostgresError } from './errors.ts';

/** The system user of its own that the embedded server runs as when Karta is root. */
export const POSTGRES_USER = 'karta-postgres';
const FALLBACK_USER = 'nobody';

/** Whom a server process runs as: `null` is the user that runs Karta. */
export interface RunAs {
  uid: number;
  gid: number;
}

/**
 * PostgreSQL refuses to run as root. As root, an existing cluster keeps its owner; a new one goes
 * to {@link POSTGRES_USER} when the machine has it, else to `nobody`.
 */
export async function chooseUser(dataDir: string): Promise<RunAs | null> {
  if (process.getuid?.() !== 0) return null;
  const owner = await stat(dataDir).catch(absent);
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const passwd = await readFile('/etc/passwd', 'utf8');
  for (const name of [POSTGRES_USER, FALLBACK_USER]) {
    const entry = passwd.split('\n').find((line) => line.startsWith(`${name}:`));
    const [, , uid, gid] = entry?.split(':') ?? [];
    if (uid !== undefined && gid !== undefined) return { uid: Number(uid), gid: Number(gid) };
  }
  throw new PostgresError(
    'unsupported',
    `PostgreSQL does not run as root, and this machine has neither ${POSTGRES_USER} nor ${FALLBACK_USER} in /etc/passwd.`,
  );
}

/** The command that gives up root before `argv` starts. */
export function commandAs(
  user: RunAs | null,
  argv: readonly string[],
  options: { endWithParent: boolean },
): [string, string[]] {
  const args: string[] = [];
  if (user) args.push(`--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups');
  // SIGINT is PostgreSQL's fast shutdown: it disconnects its clients and removes its lock file.
  if (options.endWithParent) args.push('--pdeathsig', 'INT');
  return args.length === 0
    ? [argv[0] ?? '', [...argv.slice(1)]]
    : ['setpriv', [...args, '--', ...argv]];
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT') return null;
  throw error;
}
