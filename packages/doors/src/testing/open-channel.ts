import { randomBytes } from 'node:crypto';
import Anthropic from '@anthropic-ai/sdk';
import { CHANNEL_PATHS, type OpenChannelBody } from '@karta/protocol';
import OpenAI from 'openai';
import { type Bridge, bridgeTo } from './bridge.ts';
import type { StartedDoors } from './start-doors.ts';

/** A channel with the official clients on it, as a harness inside would have them. */
export interface TestChannel {
  id: string;
  credential: string;
  socketPath: string;
  /** Of a loopback port that leads to the channel. */
  origin: string;
  anthropic: Anthropic;
  openai: OpenAI;
  close(): Promise<void>;
}

/**
 * Opens a channel, live unless told otherwise, with a turn open on a live one; `demo`: for a test
 * session.
 */
export async function openTestChannel(
  doors: StartedDoors,
  mode: 'live' | 'parked' = 'live',
  demo = false,
  more: Partial<OpenChannelBody> = {},
): Promise<TestChannel> {
  const id = `sbx_${randomBytes(12).toString('hex')}`;
  const { socket_path, credential } = await doors.management.openChannel({
    channel_id: id,
    org_id: 'org_1',
    project_id: 'proj_1',
    session_id: mode === 'live' ? 'sess_1' : null,
    mode,
    demo,
    ...more,
  });
  if (mode === 'live') await doors.management.openTurn(id, 'turn_open');
  const bridge: Bridge = await bridgeTo(socket_path);
  const client = { apiKey: credential, maxRetries: 0 };
  const base = (family: 'anthropic' | 'openai') => `${bridge.origin}${CHANNEL_PATHS[family]}`;
  return {
    id,
    credential,
    socketPath: socket_path,
    origin: bridge.origin,
    anthropic: new Anthropic({ ...client, baseURL: base('anthropic') }),
    openai: new OpenAI({ ...client, baseURL: base('openai') }),
    async close() {
      await bridge.close();
      await doors.management.closeChannel(id);
    },
  };
}

/** A user message with a script for the demo model. */
export function scripted(...steps: object[]): string {
  return `please @@${JSON.stringify(steps)}@@`;
}
