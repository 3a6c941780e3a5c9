import { chmod } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { ChannelOrder, OpenChannelAnswer } from '@karta/protocol';
import * as limits from '../limits.ts';
import type { AddedHeader } from './added-header.ts';
import type { ChannelEgress } from './channel-egress.ts';
import type { EgressContext } from './egress-context.ts';
import { forwardRequest } from './forward-request.ts';
import { EGRESS_IDLE_MS } from './limits.ts';
import { passConnection } from './pass-connection.ts';

/** As of the channel's own socket: who may see the path is the sandbox's matter. */
const SOCKET_MODE = 0o666;

type Target = ChannelOrder['egress'][number];

/** The open sockets of one sandbox's allowed hosts. */
export interface EgressDoor {
  sockets: OpenChannelAnswer['egress'];
  /** Cuts every connection. */
  close(): void;
}

/** File name of the socket of a channel's target; the longest has two digits. */
export function egressSocketName(index: number): string {
  return `${index}.sock`;
}

/**
 * Opens a socket in `folder` for each target. What connects to it is joined with that host and no
 * other: neither a name nor an address is taken from what is said on it.
 */
export async function openEgressDoor(
  context: EgressContext,
  egress: ChannelEgress,
  targets: readonly Target[],
  folder: string,
): Promise<EgressDoor> {
  const open = new Set<Socket>();
  const servers: Server[] = [];
  const close = () => {
    for (const server of servers) server.close();
    for (const socket of open) socket.destroy();
  };
  const sockets: EgressDoor['sockets'] = [];
  try {
    for (const [at, target] of targets.entries()) {
      const { inject } = target;
      const server =
        inject === null ? passing(egress, target) : injecting(context, egress, target, inject);
      server.on('connection', (socket: Socket) => {
        open.add(socket);
        socket.once('close', () => open.delete(socket));
      });
      servers.push(server);
      const path = join(folder, egressSocketName(at));
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(path, resolve);
      });
      await chmod(path, SOCKET_MODE);
      sockets.push({ host: target.host, port: target.port, socket_path: path });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { sockets, close };
}

function passing(egress: ChannelEgress, { host, port }: Target): Server {
  return createServer({ allowHalfOpen: true }, (socket) => {
    void passConnection(egress, { host, port }, socket);
  });
}

function injecting(
  context: EgressContext,
  egress: ChannelEgress,
  { host, port }: Target,
  inject: AddedHeader,
): Server {
  const options = {
    maxHeaderSize: limits.REQUEST_HEADER_BYTES,
    headersTimeout: limits.REQUEST_HEADERS_MS,
    keepAliveTimeout: limits.KEEP_ALIVE_MS,
    // A body may take as long as it moves: silence is what ends it.
    requestTimeout: 0,
  };
  const parts = { egress, place: { host, port }, inject, ca: context.ca };
  const server = createHttpServer(options, (incoming, answer) => {
    void forwardRequest(parts, incoming, answer);
  });
  // A changed protocol is one that no header can be added to.
  server.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 501 Not Implemented\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  server.maxConnections = limits.CHANNEL_CONNECTIONS;
  server.setTimeout(EGRESS_IDLE_MS);
  return server;
}
