import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, rm } from 'node:fs/promises';
import { createServer, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { mainOf } from './doors.ts';
import { withoutCore } from './without-core.ts';

/** Pushes at once. A connection beyond is closed, and its push told to come again. */
const MAX_PROCESSES = 16;

/** Starts a process of git's own user for each connection of the control plane. */
export interface GitProcesses {
  socket: string;
  /** Ends those that run. Idempotent. */
  stop(): Promise<void>;
}

/**
 * Of a server that is root: the control plane has given that up, and can start no git as another
 * user than its own. Nothing of a connection is read here, and nothing of it chooses what is
 * started. `user` alone may connect.
 */
export async function startGitProcesses(options: {
  runtimeFolder: string;
  user: number;
  log: (line: string) => void;
}): Promise<GitProcesses> {
  const socket = join(options.runtimeFolder, 'git.sock');
  const main = join(dirname(mainOf('@karta/control-plane')), 'git', 'push-process-main.ts');
  const [program, args] = withoutCore(process.execPath, [main]);
  const running = new Set<ChildProcess>();

  function serve(connection: Socket): void {
    connection.on('error', (error) => options.log(`git: ${error.message}`));
    if (running.size >= MAX_PROCESSES) {
      options.log(`git: ${MAX_PROCESSES} pushes at once are all that are taken`);
      connection.destroy();
      return;
    }
    const child = spawn(program, args, {
      env: environment(),
      stdio: [connection, 'ignore', 'pipe'],
      // Its own process group, so that what git has started ends with it.
      detached: true,
    });
    running.add(child);
    // The process has its own hold of it.
    connection.destroy();
    if (child.stderr) createInterface({ input: child.stderr }).on('line', options.log);
    child.once('error', (error) => options.log(`git: ${error.message}`));
    child.once('close', () => {
      running.delete(child);
      endGroup(child);
    });
  }

  await rm(socket, { force: true });
  const server = createServer({ pauseOnConnect: true }, serve);
  server.listen(socket);
  await once(server, 'listening');
  // Until here root alone could write to it, and so connect.
  await chown(socket, options.user, options.user);
  await chmod(socket, 0o600);
  return {
    socket,
    async stop() {
      if (server.listening) server.close();
      const ends = [...running].map((child) => once(child, 'close'));
      for (const child of running) endGroup(child);
      await Promise.all(ends);
    },
  };
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    // All of it has ended.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** What a push needs, and nothing that this process knows. */
function environment(): Record<string, string> {
  const { PATH = '', TMPDIR } = process.env;
  return { PATH, ...(TMPDIR === undefined ? {} : { TMPDIR }) };
}
