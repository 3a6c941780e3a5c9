import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { KeyParts } from '../../keys/key-parts.ts';
import {
  type AwsKey,
  type BedrockServer,
  refuse,
  serveBedrock,
} from '../../testing/bedrock-server.ts';
import { routeOf } from '../../wire/routes.ts';
import type { ModelCall, Upstream } from '../port.ts';
import { bedrockUpstream } from './bedrock.ts';
import { CredentialsFile } from './credentials-file.ts';

const REGION = 'eu-west-1';
const temporary = (number: number): AwsKey => ({
  access_key_id: `ASIATEMPORARY000000${number}`,
  secret_access_key: `a/secret+of/forty/characters/000000000${number}`,
  session_token: `session-token-${number}//+==`,
});
const [FIRST, SECOND] = [temporary(1), temporary(2)];
const PLATFORM = { ownId: null, parts: new KeyParts({}) };

let folder: string;
let path: string;
let server: BedrockServer;
let upstream: Upstream;
/** Keys that have ended by now. */
let expired: AwsKey[] = [];
let now = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-aws-'));
  path = join(folder, 'credentials');
});
afterAll(() => rm(folder, { recursive: true }));
beforeEach(async () => {
  expired = [];
  now = 0;
  server = await serveBedrock({ keys: [FIRST, SECOND], region: REGION }, (call, response) => {
    const used = ({ access_key_id }: AwsKey) => call.headers.authorization?.includes(access_key_id);
    if (!expired.some(used)) return false;
    refuse(response, 403, 'ExpiredTokenException', 'The security token included is expired');
    return true;
  });
  const credentials = new CredentialsFile({ path, profile: 'karta' }, () => now);
  upstream = bedrockUpstream({ region: REGION, baseUrl: server.origin, credentials });
});
afterEach(async () => {
  upstream.close();
  await server.close();
});

async function keep(key: AwsKey | null): Promise<void> {
  const lines = Object.entries(key ?? {}).map(([name, value]) => `aws_${name} = ${value}`);
  const other = `[default]\naws_access_key_id = AKIAOFANOTHER00000\naws_secret_access_key = x`;
  await writeFile(path, `${other}\n\n[karta]\n${lines.join('\n')}\n`);
}

async function ask() {
  const route = routeOf('POST', '/anthropic/v1/messages');
  if (route === null) throw new Error('no such route');
  const request = {
    model: 'claude-sonnet-4-5',
    max_tokens: 9,
    messages: [{ role: 'user', content: 'hi' }],
  };
  const body = Buffer.from(JSON.stringify(request));
  const call: ModelCall = { route, headers: {}, body, channelId: 'c' };
  const reply = await upstream.send(call, PLATFORM, new AbortController().signal);
  return { status: reply.status, body: await text(reply.body) };
}

const usedLast = () => server.requests.at(-1)?.headers['x-amz-security-token'];

it('is signed with, and read again before long', async () => {
  await keep(FIRST);
  expect(await ask()).toMatchObject({ status: 200 });
  expect(usedLast()).toBe(FIRST.session_token);
  await keep(SECOND);
  expect(await ask()).toMatchObject({ status: 200 });
  expect(usedLast()).toBe(FIRST.session_token);
  now += 10_000;
  expect(await ask()).toMatchObject({ status: 200 });
  expect(usedLast()).toBe(SECOND.session_token);
});

it('that has ended is read again at once, and the call is made with the new one', async () => {
  await keep(FIRST);
  await ask();
  await keep(SECOND);
  expired = [FIRST];
  expect(await ask()).toMatchObject({ status: 200 });
  expect(usedLast()).toBe(SECOND.session_token);
});

it('that nobody has renewed is told as expired, after one call', async () => {
  await keep(FIRST);
  expired = [FIRST];
  const { status, body } = await ask();
  expect(status).toBe(401);
  expect(JSON.parse(body).error.message).toBe(
    "The model provider says that the platform's temporary key has expired.",
  );
  expect(server.requests).toHaveLength(1);
});

it.each(['no section', 'no file'])(
  'is told as refused where there is %s; nobody is asked',
  async (what) => {
    if (what === 'no file') await rm(path, { force: true });
    else await keep(null);
    expect(await ask()).toMatchObject({ status: 401 });
    expect(server.requests).toEqual([]);
    await keep(SECOND);
    now += 10_000;
    expect(await ask()).toMatchObject({ status: 200 });
  },
);

it('is asked for once however many calls wait, and shows nothing of itself', async () => {
  await keep(FIRST);
  const file = new CredentialsFile({ path, profile: 'karta' });
  const [one, two] = await Promise.all([file.key(), file.key()]);
  expect(one).toBe(two);
  expect(JSON.stringify({ one })).not.toContain('secret');
});
