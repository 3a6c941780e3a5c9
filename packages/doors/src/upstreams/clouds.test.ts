import { NO_PAYER } from '@karta/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chunkFrame, exceptionFrame } from '../testing/bedrock-frames.ts';
import { type Answering, type BedrockServer, serveBedrock } from '../testing/bedrock-server.ts';
import { newServiceAccount } from '../testing/google-account.ts';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type PaperPlane, paperOrg, startPaperPlane } from '../testing/paper-plane.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';
import { serveVertex, type VertexServer } from '../testing/vertex-server.ts';

const REGION = 'eu-west-1';
const PLATFORM = {
  access_key_id: 'AKIAPLATFORM00000001',
  secret_access_key: 'platform/secret/of/forty/characters/0123',
};
const OWN = {
  access_key_id: 'ASIAOWNKEYOFORG10002',
  secret_access_key: 'own/secret+of/forty/characters/012345678',
  session_token: 'own-session-token+/=',
};
const REVOKED = { ...OWN, access_key_id: 'ASIAREVOKEDOFORG0003' };
const google = newServiceAccount('platform-project');
const ownGoogle = newServiceAccount('own-project');

let bedrock: BedrockServer;
let vertex: VertexServer;
let plane: PaperPlane;
let doors: StartedDoors;
let channel: TestChannel;
let before: Answering = () => false;
let turns = 0;

beforeAll(async () => {
  bedrock = await serveBedrock({ keys: [PLATFORM, OWN], region: REGION }, (call, response) =>
    before(call, response),
  );
  vertex = await serveVertex([google, ownGoogle]);
  plane = await startPaperPlane();
  doors = await startDoors({
    control: plane.control,
    upstreams: [
      { id: 'bedrock', region: REGION, ...PLATFORM, base_url: bedrock.origin },
      {
        id: 'vertex',
        location: 'us-east5',
        service_account: google.file,
        base_url: vertex.baseUrl,
        token_url: vertex.tokenUrl,
      },
    ],
  });
  channel = await openTestChannel(doors);
});
afterAll(async () => {
  await channel?.close();
  await doors?.stop();
  for (const started of [plane, bedrock, vertex]) await started?.close();
});
beforeEach(async () => {
  before = () => false;
  bedrock.requests.length = 0;
  vertex.requests.length = 0;
  plane.orgs.clear();
  plane.orgs.set('org_1', paperOrg([]));
  await doors.management.send('POST', '/invalidate', { org_ids: ['org_1'] });
});

async function nextTurn(): Promise<string> {
  turns += 1;
  const id = `turn_${turns}`;
  const spending = { org_grant: 'grant of org_1', payer: NO_PAYER };
  await doors.management.openTurn(channel.id, id, spending);
  return id;
}
const ask = (model: string, ...steps: object[]) => ({
  model,
  max_tokens: 1_000,
  messages: [{ role: 'user' as const, content: scripted(...steps) }],
});
const lastRecord = async () => (await doors.management.usage()).at(-1);
const ownKey = (provider: string, secret: Record<string, string>) => ({
  id: `pkey_of_${provider}`,
  provider,
  secret,
});

describe('a harness', () => {
  it('speaks to Bedrock as it does to Anthropic, and is priced as Bedrock prices', async () => {
    const turn = await nextTurn();
    const tools = [{ name: 'a', input: { x: 'ä' } }];
    const stream = channel.anthropic.messages.stream(
      ask('claude-sonnet-4-6', { think: 'hm', text: 'one two', n: 2, tools }),
    );
    const seen: string[] = [];
    stream.on('text', (text) => seen.push(text));
    expect((await stream.finalMessage()).content).toMatchObject([
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'one two' },
      { type: 'tool_use', ...tools[0] },
    ]);
    expect(seen).toHaveLength(2);
    const booked = await doors.management.closeTurn(channel.id, turn);
    expect(booked).toMatchObject({ calls: 1, estimated_calls: 0 });
    const { input_tokens, output_tokens } = booked.usage;
    // 3 and 15 dollars a million, and a tenth more for a profile of a part of the world.
    const cost = BigInt(input_tokens) * 3_300_000n + BigInt(output_tokens) * 16_500_000n;
    expect(await lastRecord()).toMatchObject({
      provider: 'bedrock',
      model: 'eu.anthropic.claude-sonnet-4-6',
      paid_by: 'platform',
      spend: { cost: cost.toString() },
    });
    expect(booked.cost).toBe(cost.toString());
  });

  it('speaks to Vertex where it names it', async () => {
    await nextTurn();
    const stream = channel.anthropic.messages.stream(
      ask('vertex/claude-sonnet-4-6', { text: 'abcdefgh' }),
    );
    expect(await stream.finalText()).toBe('abcdefgh');
    const record = await lastRecord();
    expect(record).toMatchObject({
      provider: 'vertex',
      model: 'regional/claude-sonnet-4-6',
      output_tokens: 2,
      estimated: false,
    });
    expect(record?.spend.cost).not.toBeNull();
    expect(bedrock.requests).toEqual([]);
  });

  it.each(['claude-sonnet-4-6', 'vertex/claude-sonnet-4-6'])(
    'counts tokens of %s',
    async (model) => {
      const messages = [{ role: 'user' as const, content: 'a b c' }];
      const counted = await channel.anthropic.messages.countTokens({ model, messages });
      expect(counted.input_tokens).toBeGreaterThan(0);
    },
  );

  it('is told of an error within a stream, and pays for what came before', async () => {
    before = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      const usage = { input_tokens: 14, output_tokens: 1 };
      const message = { id: 'm', type: 'message', role: 'assistant', content: [], usage };
      response.write(chunkFrame({ type: 'message_start', message }));
      response.end(exceptionFrame('modelStreamErrorException', 'It broke.'));
      return true;
    };
    const turn = await nextTurn();
    const stream = channel.anthropic.messages.stream(ask('claude-sonnet-4-6'));
    await expect(stream.finalMessage()).rejects.toThrow('It broke.');
    const booked = await doors.management.closeTurn(channel.id, turn);
    expect(booked).toMatchObject({ estimated_calls: 1, usage: { input_tokens: 14 } });
  });

  it('sees a stream that is broken cut', async () => {
    before = (_call, response) => {
      response.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
      const frame = chunkFrame({ type: 'ping' });
      response.end(Buffer.concat([frame, frame.subarray(0, -1)]));
      return true;
    };
    await nextTurn();
    const stream = channel.anthropic.messages.stream(ask('claude-sonnet-4-6'));
    await expect(stream.finalMessage()).rejects.toThrow();
  });
});

describe('an org’s own key', () => {
  it('of Bedrock pays for its calls', async () => {
    plane.orgs.set('org_1', paperOrg([ownKey('bedrock', { ...OWN, region: REGION })]));
    await nextTurn();
    await channel.anthropic.messages.create(ask('claude-sonnet-4-6', { text: 'x' }));
    expect(bedrock.requests.at(-1)?.headers.authorization).toContain(OWN.access_key_id);
    expect(await lastRecord()).toMatchObject({
      provider: 'bedrock',
      paid_by: 'byok',
      spend: { own_key_id: 'pkey_of_bedrock' },
    });
  });

  it('of Vertex pays for its calls, at its own location', async () => {
    const secret = { service_account: ownGoogle.file, location: 'global' };
    plane.orgs.set('org_1', paperOrg([ownKey('vertex', secret)]));
    await nextTurn();
    await channel.anthropic.messages.create(ask('claude-sonnet-4-6', { text: 'x' }));
    expect(vertex.requests.at(-1)?.url).toContain('/projects/own-project/locations/global/');
    expect(await lastRecord()).toMatchObject({ model: 'claude-sonnet-4-6', paid_by: 'byok' });
  });

  const denied = { ...OWN, region: REGION };
  it.each([
    ['AWS does not know', ownKey('bedrock', { ...REVOKED, region: REGION }), false],
    ['may not call the model', ownKey('bedrock', denied), true],
    ['names no region', ownKey('bedrock', { ...OWN, region: '127.0.0.1:9/#' }), false],
    ['is no service account', ownKey('vertex', { service_account: '{}', location: 'eu' }), false],
    [
      'names no location',
      ownKey('vertex', { service_account: ownGoogle.file, location: 'e@vil' }),
      false,
    ],
  ])('that %s is told as refused, and never tried as the platform’s', async (_what, key, deny) => {
    before = (_call, response) => {
      if (!deny) return false;
      response.writeHead(403, { 'x-amzn-errortype': 'AccessDeniedException' });
      response.end(
        '{"message":"You don\'t have access to the model with the specified model ID."}',
      );
      return true;
    };
    plane.orgs.set('org_1', paperOrg([key]));
    const turn = await nextTurn();
    const refused = await channel.anthropic.messages
      .create(ask('claude-sonnet-4-6'))
      .catch((error) => error);
    expect([401, 403]).toContain(refused.status);
    expect(String(refused.message)).toContain("refused the org's own key");
    expect(JSON.stringify(bedrock.requests)).not.toContain(PLATFORM.access_key_id);
    expect(await doors.management.closeTurn(channel.id, turn)).toMatchObject({
      refusal: { code: 'byok_key_rejected', provider: key.provider },
    });
  });

  it.each([
    [ownKey('bedrock', { ...OWN, region: REGION }), true],
    [ownKey('bedrock', { ...REVOKED, region: REGION }), false],
    [ownKey('bedrock', { ...OWN, region: 'evil.example' }), false],
    [ownKey('vertex', { service_account: ownGoogle.file, location: 'eu' }), true],
    [ownKey('vertex', { service_account: '{}', location: 'eu' }), false],
  ])('is tried at its provider: %#', async (key, ok) => {
    plane.orgs.set('org_1', paperOrg([key]));
    const body = { org_id: 'org_1', provider: key.provider, org_grant: 'grant of org_1' };
    const tried = await doors.management.send('POST', '/keys/test', body);
    expect(tried).toMatchObject({ status: 200, body: { ok } });
  });
});

it('nothing of a key or a token is in the log', () => {
  const secrets = [PLATFORM, OWN].flatMap((key) => Object.values(key));
  const { private_key } = JSON.parse(ownGoogle.file);
  for (const secret of [...secrets, private_key.slice(40, 80), 'ya29.', ownGoogle.email]) {
    expect(doors.log()).not.toContain(secret);
  }
  expect(doors.log()).toContain('pkey_of_bedrock');
});
