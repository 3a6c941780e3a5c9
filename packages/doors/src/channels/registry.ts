import { randomBytes } from 'node:crypto';
import { chmod, mkdir, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { dirname, join } from 'node:path';
import type { ChannelOrder, EgressLogAnswer, OpenChannelAnswer } from '@karta/protocol';
import { ChannelEgress } from '../egress/channel-egress.ts';
import type { EgressContext } from '../egress/egress-context.ts';
import { type EgressDoor, openEgressDoor } from '../egress/egress-door.ts';
import * as limits from '../limits.ts';
import type { CallContext } from './call-context.ts';
import { Channel } from './channel.ts';
import { serveCall } from './serve-call.ts';

/** Random bytes in the name of a channel's folder, which nobody can list. */
const NAME_BYTES = 16;
/** Anybody may pass through, nobody may look. */
export const PASSAGE_MODE = 0o711;
/** A sandbox's own user must be able to connect; who may see the path is the sandbox's matter. */
const SOCKET_MODE = 0o666;
const SOCKET_NAME = 'model.sock';

/** The folder of all channels below the runtime folder. */
export function channelsDir(runtimeDir: string): string {
  return join(runtimeDir, 'channels');
}

/** Bytes of the longest path a channel's socket can have. */
export function socketPathBytes(runtimeDir: string): number {
  const name = randomBytes(NAME_BYTES).toString('base64url');
  return Buffer.byteLength(join(channelsDir(runtimeDir), name, SOCKET_NAME));
}

interface OpenChannel {
  channel: Channel;
  server: Server;
  socket: string;
  egress: ChannelEgress;
  door: EgressDoor | null;
}

/** The open channels, each with its own socket, and one for each host that its sandbox may reach. */
export class ChannelRegistry {
  private readonly open = new Map<string, OpenChannel>();
  private readonly context: CallContext;
  private readonly egress: EgressContext;
  private readonly dir: string;

  constructor(context: CallContext, egress: EgressContext, runtimeDir: string) {
    this.context = context;
    this.egress = egress;
    this.dir = channelsDir(runtimeDir);
  }

  get(id: string): Channel | null {
    return this.open.get(id)?.channel ?? null;
  }

  /** The latest connections of a channel to allowed hosts. `null` when there is no such channel. */
  connections(id: string): EgressLogAnswer | null {
    return this.open.get(id)?.egress.log.read() ?? null;
  }

  /** Opens a channel and its sockets. `null` when its id is taken. */
  async create(body: ChannelOrder): Promise<OpenChannelAnswer | null> {
    if (this.open.has(body.channel_id)) return null;
    const { channel, credential } = Channel.open(body);
    const dir = join(this.dir, randomBytes(NAME_BYTES).toString('base64url'));
    const socket = join(dir, SOCKET_NAME);
    const server = this.serverOf(channel);
    const egress = new ChannelEgress(this.egress, channel);
    const opened: OpenChannel = { channel, server, socket, egress, door: null };
    this.open.set(channel.id, opened);
    try {
      await mkdir(dir);
      await chmod(dir, PASSAGE_MODE);
      await listen(server, socket);
      await chmod(socket, SOCKET_MODE);
      opened.door = await openEgressDoor(this.egress, egress, body.egress, dir);
    } catch (error) {
      await this.remove(channel.id);
      throw error;
    }
    this.context.metrics.channels.set(this.open.size);
    return { socket_path: socket, credential, egress: opened.door.sockets };
  }

  /** Closes a channel: its calls are cut, its socket is gone. False when there is none. */
  async remove(id: string): Promise<boolean> {
    const found = this.open.get(id);
    if (found === undefined) return false;
    this.open.delete(id);
    this.context.metrics.channels.set(this.open.size);
    found.server.close();
    found.server.closeAllConnections();
    found.door?.close();
    await rm(dirname(found.socket), { recursive: true, force: true });
    return true;
  }

  /** Resolves when no call runs any more. */
  async idle(): Promise<void> {
    const busy = () => [...this.open.values()].some(({ channel }) => channel.calls > 0);
    while (busy()) await new Promise((resolve) => setTimeout(resolve, IDLE_CHECK_MS));
  }

  async removeAll(): Promise<void> {
    await Promise.all([...this.open.keys()].map((id) => this.remove(id)));
  }

  private serverOf(channel: Channel): Server {
    const options = {
      maxHeaderSize: limits.REQUEST_HEADER_BYTES,
      headersTimeout: limits.REQUEST_HEADERS_MS,
      requestTimeout: limits.REQUEST_MS,
      keepAliveTimeout: limits.KEEP_ALIVE_MS,
    };
    const server = createServer(options, (request, response) => {
      serveCall(this.context, channel, request, response).catch((error) => {
        this.context.log.error({ err: error, channel: channel.id }, 'call failed');
        response.destroy();
      });
    });
    server.maxConnections = limits.CHANNEL_CONNECTIONS;
    server.setTimeout(limits.CALL_IDLE_MS);
    return server;
  }
}

/** How often a draining process looks whether calls still run. */
const IDLE_CHECK_MS = 20;

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
