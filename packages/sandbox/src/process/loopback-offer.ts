import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** A service of the host on a random loopback port, for processes that share the host's network. */
export interface LoopbackOffer {
  port: number;
  close(): Promise<void>;
}

/** Listens on 127.0.0.1 and joins each connection with one to the unix socket, byte by byte. */
export async function offerOnLoopback(socketPath: string): Promise<LoopbackOffer> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (inside) => {
    const outside = createConnection({ path: socketPath, allowHalfOpen: true });
    join(inside, outside, open);
  });
  const port = await listen(server);
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A loopback port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

function join(a: Socket, b: Socket, open: Set<Socket>): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    open.add(from);
    from.setNoDelay?.(true);
    from.on('error', () => to.destroy());
    from.on('close', () => {
      open.delete(from);
      if (from.destroyed && !from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      if (address === null || typeof address === 'string') reject(new Error('no port was given'));
      else resolve(address.port);
    });
  });
}
