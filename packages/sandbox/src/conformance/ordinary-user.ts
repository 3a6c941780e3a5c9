import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/** Nobody, on every Linux. */
const ORDINARY_USER = '65534';

const result = z.object({ name: z.string(), error: z.string().nullable() });

/** Runs cases of a suite in a process of an ordinary user. */
export interface OrdinaryUser {
  run(suite: string, name: string): Promise<void>;
  stop(): Promise<void>;
}

/** Whether this process may become an ordinary user, or is one already. */
export const MAY_CHANGE_USER = process.getuid?.() === 0;

export function asOrdinaryUser(): OrdinaryUser {
  const child: ChildProcess = spawn(
    '/usr/bin/setpriv',
    [
      ...['--reuid', ORDINARY_USER, '--regid', ORDINARY_USER, '--clear-groups', '--'],
      ...[process.execPath, fileURLToPath(new URL('./ordinary-user-runner.ts', import.meta.url))],
    ],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], env: { HOME: '/nonexistent' }, cwd: '/' },
  );
  const waiting = new Map<string, (error: string | null) => void>();
  child.on('message', (message) => {
    const { name, error } = result.parse(message);
    waiting.get(name)?.(error);
    waiting.delete(name);
  });
  let ended = false;
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => {
    ended = true;
    for (const settle of waiting.values()) settle('the process of the ordinary user has ended');
  });
  return {
    async run(suite, name) {
      if (ended) throw new Error('the process of the ordinary user has ended');
      const error = await new Promise<string | null>((resolve) => {
        waiting.set(name, resolve);
        child.send({ suite, name });
      });
      if (error !== null) throw new Error(error);
    },
    async stop() {
      if (!ended) child.disconnect();
      await exited;
    },
  };
}
