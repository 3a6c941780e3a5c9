import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { CliError } from '../cli-error.ts';
import { makeHome } from './make-home.ts';

/** How long a holder may take to say its pid. */
const ANSWER_MS = 1_000;
/** Digits of the longest pid: whoever has the name may be somebody else, who never stops talking. */
const PID_CHARS = 7;
const WRITABLE_BY_OTHERS = 0o022;

/**
 * Takes a home for this process. The lock is a name in the kernel's abstract socket space: taken
 * atomically and gone with the process however it ends, so it is never stale; whoever connects is
 * told the holder's pid. Parts of a server that run apart each take their own. Throws `CliError`:
 * for a home that cannot be or that others can write, and naming that pid when another server has
 * the home.
 */
export async function lockHome(home: string, part = 'server'): Promise<() => void> {
  await makeHome(home);
  await refuseShared(home);
  const name = lockName(await realpath(home), part);
  const server = createServer((socket) => {
    socket.on('error', () => undefined); // The asker left; nothing is owed to it.
    socket.end(String(process.pid));
  });
  const taken = await new Promise<boolean>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(true);
      else reject(error);
    });
    server.listen(name, () => resolve(false));
  });
  if (taken) {
    const pid = await askPid(name);
    throw new CliError(
      'busy',
      `Another Karta server${pid === null ? '' : ` (pid ${pid})`} uses ${home}`,
      `Stop it${pid === null ? '' : ` with "kill ${pid}"`}, or choose another home: karta serve --home <folder>`,
    );
  }
  server.unref();
  return () => server.close();
}

/**
 * A home that others can write is not used: they could put there what this process then reads,
 * runs in sandboxes or takes for its own secrets.
 */
async function refuseShared(home: string): Promise<void> {
  const { uid, mode } = await stat(home);
  if (uid === process.getuid?.() && (mode & WRITABLE_BY_OTHERS) === 0) return;
  const whose =
    uid === process.getuid?.() ? 'can be written by others' : 'belongs to somebody else';
  throw new CliError(
    'machine',
    `${home} ${whose}`,
    'Make it yours alone (chown, chmod 700), or choose another home: --home <folder>',
  );
}

function lockName(home: string, part: string): string {
  const digest = createHash('sha256').update(home).digest('hex').slice(0, 32);
  return part === 'server' ? `\0karta-home-${digest}` : `\0karta-home-${digest}-${part}`;
}

function askPid(name: string): Promise<string | null> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(name);
    socket.setTimeout(ANSWER_MS, () => socket.destroy());
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
      if (answer.length > PID_CHARS) socket.destroy();
    });
    socket.on('error', () => undefined); // `close` follows and decides.
    socket.on('close', () => resolve(/^\d{1,7}$/.test(answer) ? answer : null));
  });
}
