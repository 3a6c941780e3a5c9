import { createHash } from 'node:crypto';
import { createServer } from 'node:net';
import { PostgresError } from './errors.ts';

/**
 * Takes the cluster for this process, or throws `PostgresError('in_use')`. The lock is a name in
 * the kernel's abstract socket space: taken atomically, gone with the process however it ends, so
 * that it is never stale. Returns its release.
 */
export async function lockCluster(dataDir: string): Promise<() => void> {
  const name = createHash('sha256').update(dataDir).digest('hex').slice(0, 32);
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      reject(
        cause.code === 'EADDRINUSE'
          ? new PostgresError(
              'in_use',
              'Another Karta uses this home. Stop it, or name another home with --home.',
              { cause },
            )
          : cause,
      );
    });
    server.listen(`\0karta-postgres-${name}`, resolve);
  });
  server.unref();
  return () => server.close();
}
