import { open, readdir, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SHARED_SERVER } from '@karta/postgres/testing';
import { type ProviderKey, providerKey, providerKeyTest } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type PlainServer, servePlain } from '../../packages/doors/src/testing/plain-server.ts';
import { findSdk } from '../../packages/harness/src/claude-code/locate-sdk.ts';
import { archiveOf, archiveOfFolder } from './archive.ts';
import { type Answer, type Builder, builderOn } from './builder.ts';
import { claudeFolder } from './claude-folder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const SUPPORT_BOT = join(import.meta.dirname, '../../examples/support-bot');
const PLATFORM = 'sk-platform-59b2c4e6f8a0123456789';
const OWN = 'sk-own-7f3a9b1c5d7e9f0a1b2c3d4e';
const REVOKED = 'sk-revoked-0a1b2c3d4e5f60718293';
/** Of a provider that has no room for anybody. */
const BUSY = 'sk-busy-4d5e6f708192a3b4c5d6e7f8';
/** What is looked for to show that the scan finds what is there. */
const MARKER = 'marker-that-is-no-secret-4711';

let planes: TwoPlanes;
let builder: Builder;
let provider: PlainServer;
const log: string[] = [];

beforeAll(async () => {
  provider = await servePlain({
    before(request, response) {
      const { 'x-api-key': key, authorization } = request.headers;
      const given = String(key ?? authorization?.replace('Bearer ', ''));
      if ([PLATFORM, OWN].includes(given)) return false;
      const error = { type: 'authentication_error', message: `invalid x-api-key ${given}` };
      const headers = { 'content-type': 'application/json', 'x-should-retry': 'false' };
      response.writeHead(given === BUSY ? 503 : 401, headers);
      response.end(JSON.stringify({ type: 'error', error }));
      return true;
    },
  });
  planes = await startTwoPlanes({
    doors: {
      upstreams: [
        { id: 'anthropic', base_url: `${provider.origin}/anthropic`, api_key: PLATFORM },
        { id: 'openai', base_url: `${provider.origin}/openai/v1`, api_key: PLATFORM },
        { id: 'openrouter', base_url: `${provider.origin}/openai/v1`, api_key: BUSY },
        {
          id: 'openai-compatible',
          base_url: `${provider.origin}/openai/v1`,
          api_key: PLATFORM,
          responses: false,
        },
      ],
    },
    logged: (line) => log.push(line),
  });
  builder = builderOn(planes);
});
afterAll(async () => {
  await planes?.stop();
  await provider?.close();
});

const setKeys = async (api_key: string): Promise<ProviderKey[]> =>
  Promise.all(
    ['anthropic', 'openai'].map(async (name) => {
      const body = { provider: name, secret: { api_key } };
      return providerKey.parse(await builder.control('/v1/provider_keys', 'POST', body));
    }),
  );
const sent = () =>
  new Set(
    provider.requests
      .splice(0)
      .map(({ headers }) => headers['x-api-key'] ?? headers.authorization?.replace('Bearer ', '')),
  );

test('a model that the application names stands in for one that has no room', async () => {
  const application = (fallback: string) =>
    archiveOf({
      'AGENTS.md': 'You answer in a word.\n',
      'opencode.json': '{"model":"openrouter/openai/gpt-5"}',
      'karta.toml': `[model]\nfallback = ["${fallback}"]\n`,
    });
  const refused = await builder.publish('relay', await application('anthropic/claude-sonnet-5'));
  expect(refused).toMatchObject({
    status: 'failed',
    problems: [{ file: 'karta.toml', line: 2, message: expect.stringContaining('wire') }],
  });
  await builder.publish('relay', await application('openai-compatible/llama'));
  const sessions = `${planes.data.url}/v1/projects/relay/sessions`;
  const session = await sessionAt(sessions);
  const message = { text: 'Hello', stream: true };
  const answer = await builder.ask(`${sessions}/${session.id}/messages`, 'POST', message);
  const events = await answer.text();
  expect(events).toContain('"stop_reason":"end_turn"');
  const told = events.split('\n').find((line) => line.includes('model_fallback')) ?? '{}';
  expect(JSON.parse(told.replace(/^data: /, ''))).toMatchObject({
    type: 'system',
    data: {
      detail: {
        provider: 'openai-compatible',
        model: 'llama',
        instead_of: { provider: 'openrouter', model: 'openai/gpt-5' },
      },
    },
  });
  const models = provider.requests.map(({ body, headers }) => {
    const key = headers.authorization?.replace('Bearer ', '');
    return `${(JSON.parse(body) as Answer).model} ${key === BUSY ? 'busy' : 'served'}`;
  });
  expect(new Set(models)).toEqual(new Set(['openai/gpt-5 busy', 'llama served']));
  const booked = async () => {
    const { rows } = await builder.control('/v1/usage?group_by=model');
    return (rows as { model: string }[]).map(({ model }) => model);
  };
  await expect.poll(booked, { timeout: 30_000 }).toEqual(['llama']);
  provider.requests.length = 0;
}, 180_000);

test.skipIf(findSdk() === null)(
  'a turn of Claude Code ends where the org’s own key is refused, and goes on with another',
  async () => {
    const folder = await claudeFolder();
    await builder.publish('brief', await archiveOfFolder(folder));
    await rm(folder, { recursive: true });
    const sessions = '/v1/projects/brief/sessions';
    const { id } = await builder.data(sessions, 'POST', {});
    const url = `${planes.data.url}${sessions}/${id}/messages`;
    const say = async (text: string) => {
      const response = await builder.ask(url, 'POST', { text });
      return { status: response.status, body: (await response.json()) as Answer };
    };
    await setKeys(REVOKED);
    sent();
    expect(await say('hello')).toMatchObject({
      status: 422,
      body: { error: 'byok_key_rejected', provider: 'anthropic', turn_id: expect.any(String) },
    });
    // It was not tried under the platform's.
    expect(sent()).toEqual(new Set([REVOKED]));
    const keys = await setKeys(OWN);
    expect(await say('hello again')).toMatchObject({
      status: 200,
      body: { stop_reason: 'end_turn' },
    });
    expect(sent()).toEqual(new Set([OWN]));
    for (const key of keys) {
      await builder.ask(`${planes.control.url}/v1/provider_keys/${key.id}`, 'DELETE');
    }
  },
  180_000,
);

test('a session runs on the org’s own key, stops when it is refused, and the key is nowhere', async () => {
  await builder.publish('support-bot', await archiveOfFolder(SUPPORT_BOT));
  const sessions = `${planes.data.url}/v1/projects/support-bot/sessions`;
  const session = await sessionAt(sessions);
  const url = `${sessions}/${session.id}`;
  const say = async (text: string, more: object = {}) => {
    const response = await builder.ask(`${url}/messages`, 'POST', { text, ...more });
    return { status: response.status, text: await response.text() };
  };
  const body = ({ text }: { text: string }) => JSON.parse(text) as Answer;

  const first = await say('When are you open?');
  expect(body(first)).toMatchObject({ stop_reason: 'end_turn' });
  expect(sent()).toEqual(new Set([PLATFORM]));

  const [own] = await setKeys(OWN);
  const tested = await builder.control(`/v1/provider_keys/${own?.id}/test`, 'POST', {});
  expect(providerKeyTest.parse(tested)).toMatchObject({ ok: true, status: 200 });
  const second = await say('And on Sundays?');
  expect(body(second)).toMatchObject({ stop_reason: 'end_turn' });
  expect(sent()).toEqual(new Set([OWN]));

  const [revoked] = await setKeys(REVOKED);
  const refused = await say('And at night?');
  expect(refused.status, refused.text).toBe(422);
  expect(body(refused)).toMatchObject({
    error: 'byok_key_rejected',
    provider: expect.stringMatching(/^(anthropic|openai)$/),
    turn_id: expect.any(String),
  });
  const streamed = await say('Really?', { stream: true });
  expect(streamed.status).toBe(200);
  const codes = [...streamed.text.matchAll(/"code":"(\w+)"/g)].map(([, code]) => code);
  expect(codes).toEqual(['byok_key_rejected']);
  expect(streamed.text).toContain('"stop_reason":"error"');
  expect(sent()).toEqual(new Set([REVOKED]));
  const again = await builder.control(`/v1/provider_keys/${revoked?.id}/test`, 'POST', {});
  expect(again).toMatchObject({ ok: false, status: 401 });

  await setKeys(OWN);
  const last = await say(`Thanks, ${MARKER}`);
  expect(body(last)).toMatchObject({ stop_reason: 'end_turn' });
  const paid = async () => {
    const { rows } = await builder.control('/v1/usage?group_by=paid_by');
    return (rows as { paid_by: string }[]).map(({ paid_by }) => paid_by).sort();
  };
  await expect.poll(paid, { timeout: 30_000 }).toEqual(['byok', 'platform']);

  // Now whoever looks finds no key: in what was told, in any process while the sandbox is up, and,
  // once everything is written, on any disk.
  const history = await (await builder.ask(`${url}/messages`)).text();
  const audit = await (await builder.ask(`${planes.control.url}/v1/audit`)).text();
  const papers = await papersOfProcesses();
  await planes.stopData();
  const told: Record<string, string> = {
    answers: [first, second, refused, streamed, last].map(({ text }) => text).join('\n'),
    history,
    audit,
    'log of the planes': log.join('\n'),
    'log of the doors': planes.doors.log(),
    'environments and arguments': papers,
  };
  const secrets = [OWN, REVOKED, PLATFORM].flatMap((secret) => [
    secret,
    Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -2),
  ]);
  // What may be there and is found, so that a key would be: what was said, and the id of a key.
  const known = [MARKER, revoked?.id ?? ''];
  const wanted = [...known, ...secrets];
  const places = Object.entries(told).map(
    ([where, text]) => [where, wanted.filter((each) => text.includes(each))] as const,
  );
  const found = Object.fromEntries([
    ...places,
    ['home of the planes', await inFilesOf(planes.home, wanted)],
    // What is being said is in a log of the database until that is written anew.
    ['disk of the databases', await inFilesOf(databaseFolder(), wanted.slice(1))],
    ['disk of the doors', await inFilesOf(planes.doors.runtimeDir, wanted)],
  ]);
  expect(found).toEqual({
    answers: [],
    history: [MARKER],
    audit: [revoked?.id],
    'log of the planes': [],
    'log of the doors': [revoked?.id],
    'environments and arguments': [],
    'home of the planes': [MARKER],
    'disk of the databases': [revoked?.id],
    'disk of the doors': [revoked?.id],
  });
  expect(papers).toContain('vitest');
}, 180_000);

/** Where the run's PostgreSQL keeps everything. */
function databaseFolder(): string {
  const socket = process.env[SHARED_SERVER];
  if (socket === undefined) throw new Error('the run shares no PostgreSQL');
  return dirname(socket);
}

/** The environment and the arguments of every process that can be looked at. */
async function papersOfProcesses(): Promise<string> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const papers = pids.flatMap((pid) => [`/proc/${pid}/environ`, `/proc/${pid}/cmdline`]);
  return (await Promise.all(papers.map(readOrNothing))).join('\n');
}

function nothingIfGone(error: unknown): Set<string> {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  return new Set();
}

const CHUNK = 1024 * 1024;
const ZEROS = Buffer.alloc(CHUNK);

/** Those of `texts` that any file below a folder holds, as it is on the disk. */
async function inFilesOf(folder: string, texts: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    // Other tests end meanwhile, and with them their databases.
    for (const text of await inFile(path, texts).catch(nothingIfGone)) found.add(text);
  }
  return texts.filter((text) => found.has(text));
}

/** Disks of sessions are large and mostly empty: what is all zeros is passed over. */
async function inFile(path: string, texts: readonly string[]): Promise<string[]> {
  await using file = await open(path);
  const found = new Set<string>();
  const buffer = Buffer.alloc(CHUNK);
  // A text may lie across two chunks.
  const overlap = Math.max(...texts.map((text) => text.length));
  for (let at = 0; ; at += CHUNK - overlap) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK, at);
    if (bytesRead <= 0) break;
    const chunk = buffer.subarray(0, bytesRead);
    if (chunk.equals(ZEROS.subarray(0, bytesRead))) continue;
    for (const text of texts) if (chunk.includes(text)) found.add(text);
    if (bytesRead < CHUNK) break;
  }
  return [...found];
}

/** What has gone in the meantime holds nothing. */
async function readOrNothing(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EACCES') return '';
    throw error;
  }
}

/** A session; on a busy machine the node hears of the release a moment after the publish. */
async function sessionAt(sessions: string): Promise<Answer> {
  let session: Answer = {};
  await expect
    .poll(
      async () => {
        const created = await builder.ask(sessions, 'POST', {});
        session = (await created.json()) as Answer;
        return created.status;
      },
      { timeout: 60_000 },
    )
    .toBe(201);
  return session;
}
