import http from 'node:http';
import { text } from 'node:stream/consumers';
import {
  type OpenChannelAnswer,
  type OpenChannelBody,
  type OpenTurnBody,
  openChannelAnswer,
  type TurnUsageAnswer,
  turnUsageAnswer,
  type UpstreamsAnswer,
  type UsageRecord,
  upstreamsAnswer,
  usageRecordsAnswer,
} from '@karta/protocol';

/** The management API, typed. Every refusal is an error with its status and reason. */
export interface ManagementClient {
  openChannel(body: OpenChannelBody): Promise<OpenChannelAnswer>;
  claim(channelId: string, sessionId: string, demo?: boolean): Promise<void>;
  closeChannel(channelId: string): Promise<void>;
  openTurn(
    channelId: string,
    turnId: string,
    spending?: Omit<OpenTurnBody, 'turn_id'>,
  ): Promise<void>;
  closeTurn(channelId: string, turnId: string): Promise<TurnUsageAnswer>;
  upstreams(): Promise<UpstreamsAnswer>;
  /** The oldest calls that nobody has acknowledged. */
  usage(): Promise<UsageRecord[]>;
  ackUsage(through: number): Promise<void>;
  /** Any request. */
  send(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>;
}

export function managementClient(socketPath: string, token: string): ManagementClient {
  async function send(method: string, path: string, body?: unknown) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      const request = http.request({ socketPath, method, path, headers }, resolve);
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
    const answer = await text(response);
    return {
      status: response.statusCode ?? 0,
      body: answer === '' ? undefined : (JSON.parse(answer) as unknown),
    };
  }
  async function ok(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await send(method, path, body);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
  }
  return {
    send,
    openChannel: async (body) => openChannelAnswer.parse(await ok('POST', '/channels', body)),
    claim: async (id, session_id, demo = false) => {
      await ok('PATCH', `/channels/${id}`, { session_id, mode: 'live', demo });
    },
    closeChannel: async (id) => {
      await ok('DELETE', `/channels/${id}`);
    },
    openTurn: async (id, turn_id, spending = {}) => {
      await ok('PUT', `/channels/${id}/turn`, { turn_id, ...spending });
    },
    closeTurn: async (id, turnId) =>
      turnUsageAnswer.parse(await ok('DELETE', `/channels/${id}/turn/${turnId}`)),
    usage: async () => usageRecordsAnswer.parse(await ok('GET', '/usage')).records,
    ackUsage: async (through) => {
      await ok('POST', '/usage/ack', { through });
    },
    upstreams: async () => upstreamsAnswer.parse(await ok('GET', '/upstreams')),
  };
}
