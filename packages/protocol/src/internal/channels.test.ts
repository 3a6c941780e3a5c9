import { describe, expect, it } from 'vitest';
import { NO_USAGE } from '../usage.ts';
import {
  CHANNEL_PATHS,
  claimChannelBody,
  openChannelAnswer,
  openChannelBody,
  openTurnBody,
  turnUsageAnswer,
  upstreamsAnswer,
  wireFamily,
} from './channels.ts';

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

describe('the management API of the doors', () => {
  const channel = {
    channel_id: 'chan_1',
    org_id: 'org_1',
    project_id: 'proj_1',
    session_id: null,
    mode: 'parked',
  };

  it('opens a channel for a session or for none yet', () => {
    expect(accepts(openChannelBody, channel)).toBe(true);
    expect(accepts(openChannelBody, { ...channel, session_id: 'sess_1', mode: 'live' })).toBe(true);
    expect(accepts(openChannelBody, { ...channel, mode: 'free' })).toBe(false);
    expect(accepts(openChannelBody, { ...channel, extra: 1 })).toBe(false);
    expect(accepts(openChannelAnswer, { socket_path: '/run/x', credential: 'c' })).toBe(true);
  });

  it('claims a channel only into life', () => {
    expect(accepts(claimChannelBody, { session_id: 'sess_1', mode: 'live' })).toBe(true);
    expect(accepts(claimChannelBody, { session_id: 'sess_1', mode: 'parked' })).toBe(false);
  });

  it('books whole counts on a turn', () => {
    expect(accepts(openTurnBody, { turn_id: 'turn_1' })).toBe(true);
    const answer = { turn_id: 'turn_1', usage: NO_USAGE, calls: 0, estimated_calls: 0, cost: null };
    expect(accepts(turnUsageAnswer, answer)).toBe(true);
    expect(accepts(turnUsageAnswer, { ...answer, calls: -1 })).toBe(false);
    expect(accepts(turnUsageAnswer, { ...answer, usage: {} })).toBe(false);
  });

  it('tells what it serves, without a credential', () => {
    const upstream = { id: 'demo', families: ['anthropic', 'openai'], endpoint: 'embedded' };
    expect(accepts(upstreamsAnswer, { upstreams: [upstream] })).toBe(true);
    expect(accepts(upstreamsAnswer, { upstreams: [{ ...upstream, api_key: 'x' }] })).toBe(false);
  });

  it('has a path for each wire family', () => {
    expect(Object.keys(CHANNEL_PATHS).sort()).toEqual([...wireFamily.options].sort());
    for (const path of Object.values(CHANNEL_PATHS)) expect(path).toMatch(/^\/[^/].*[^/]$/);
  });
});
