import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { SandboxError } from '../port.ts';

/** A connection inside takes some 5 ms; a sandbox that is stopped or swamped must not hang us. */
const DIAL_TIMEOUT_MS = 5_000;
/** The longest honest line is far shorter; whoever says more inside is not our script. */
const MAX_LINE = 64;

interface Pending {
  refuse(reason: string): void;
}

/** Opens connections to ports inside one process's network, by asking its control loop. */
export interface Dialer {
  dial(port: number): Promise<Duplex>;
  /** Sends a signal to the process itself. */
  signal(name: string): void;
  /** Refuses what waits; for when the process has ended. */
  close(): void;
}

/**
 * For each connection the host makes a socket of its own in a folder that is read-only inside, and
 * takes exactly one connection from it. What connects may be hostile code instead of our forwarder:
 * it gets nothing by that but the bytes that were for the port anyway.
 */
export function dialer(control: Duplex, folder: string, prefix: string): Dialer {
  const pending = new Map<string, Pending>();
  let next = 0;
  let line = '';
  control.on('error', () => control.destroy());
  control.on('data', (chunk: Buffer) => {
    line += chunk.toString('latin1');
    const lines = line.split('\n');
    line = lines.pop() ?? '';
    for (const said of lines) {
      const id = said.startsWith('refused ') ? said.slice(8) : null;
      if (id !== null) pending.get(id)?.refuse('nothing listens there');
      else control.destroy();
    }
    if (line.length > MAX_LINE) control.destroy();
  });
  control.on('close', () => {
    for (const waiting of [...pending.values()]) waiting.refuse('the process has ended');
  });

  return {
    async dial(port) {
      if (control.destroyed) throw refused('the process has ended');
      const id = `${prefix}-${++next}`;
      const path = join(folder, id);
      const server = createServer({ noDelay: true });
      await listen(server, path);
      try {
        return await new Promise<Duplex>((resolve, reject) => {
          const timer = setTimeout(() => refuse('no answer in time'), DIAL_TIMEOUT_MS);
          const refuse = (reason: string) => {
            clearTimeout(timer);
            pending.delete(id);
            reject(refused(reason));
          };
          pending.set(id, { refuse });
          server.once('connection', (socket) => {
            clearTimeout(timer);
            pending.delete(id);
            resolve(socket);
          });
          control.write(`dial ${id} ${port}\n`);
        });
      } finally {
        // Stops listening; the accepted connection goes on.
        server.close();
        await rm(path, { force: true });
      }
    },
    signal(name) {
      if (!control.destroyed) control.write(`kill ${name}\n`);
    },
    close: () => control.destroy(),
  };
}

async function listen(server: Server, path: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.maxConnections = 1;
    server.listen(path, resolve);
  });
  await chmod(path, 0o666);
}

function refused(reason: string): SandboxError {
  return new SandboxError('refused', `the port inside cannot be reached: ${reason}`);
}
