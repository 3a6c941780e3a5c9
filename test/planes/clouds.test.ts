import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testAuthority } from '../../packages/doors/src/testing/certificates.ts';
import { newServiceAccount } from '../../packages/doors/src/testing/google-account.ts';
import { type PlainServer, servePlain } from '../../packages/doors/src/testing/plain-server.ts';
import { serveVertex, type VertexServer } from '../../packages/doors/src/testing/vertex-server.ts';
import { findSdk } from '../../packages/harness/src/claude-code/locate-sdk.ts';
import { archiveOf, archiveOfFolder } from './archive.ts';
import { type Answer, type Builder, builderOn } from './builder.ts';
import { claudeFolder } from './claude-folder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

/** A server whose platform has Vertex and nothing else. */
const google = newServiceAccount('platform-project');
let planes: TwoPlanes;
let builder: Builder;
let vertex: VertexServer;
let own: PlainServer;
/** TLS before `own`, as an org's own key demands it. */
let secure: Server;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-clouds-'));
  vertex = await serveVertex([google]);
  own = await servePlain();
  const authority = await testAuthority();
  const trusted = join(folder, 'ca.pem');
  await writeFile(trusted, authority.ca);
  secure = createServer(await authority.certificateFor('127.0.0.1'), (asked, answer) => {
    const { method, headers, url } = asked;
    const inner = request(`${own.origin}${url}`, { method, headers }, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers);
      told.pipe(answer);
    });
    asked.pipe(inner.on('error', () => answer.destroy()));
  });
  await new Promise<void>((resolve) => secure.listen(0, '127.0.0.1', resolve));
  planes = await startTwoPlanes({
    doorsTrust: trusted,
    doors: {
      upstreams: [
        {
          ...{ id: 'vertex', location: 'global', service_account: google.file },
          ...{ base_url: vertex.baseUrl, token_url: vertex.tokenUrl },
        },
      ],
      own_keys: { allow_private: ['127.0.0.1'] },
    },
  });
  builder = builderOn(planes);
});
afterAll(async () => {
  await planes?.stop();
  secure?.closeAllConnections();
  secure?.close();
  for (const started of [vertex, own]) await started?.close();
  if (folder !== undefined) await rm(folder, { recursive: true });
});

/** One turn of a project; what was said, and what it cost by model. */
async function turn(ref: string): Promise<Answer> {
  const sessions = `/v1/projects/${ref}/sessions`;
  const { id } = await builder.data(sessions, 'POST', {});
  return builder.data(`${sessions}/${id}/messages`, 'POST', { text: 'Hello' });
}

const bookedModels = async () => {
  const { rows } = await builder.control('/v1/usage?group_by=model');
  return (rows as { model: string }[]).map(({ model }) => model).sort();
};

const LONG = { timeout: 30_000 };

test.skipIf(findSdk() === null)(
  'Claude Code answers by Vertex, at Vertex’s price',
  async () => {
    const folder = await claudeFolder();
    const published = await builder.publish('brief', await archiveOfFolder(folder));
    expect(published).toMatchObject({ status: 'succeeded' });
    await rm(folder, { recursive: true });
    expect(await turn('brief')).toMatchObject({ stop_reason: 'end_turn' });
    const asked = vertex.requests.filter(({ url }) => url.endsWith(':streamRawPredict'));
    expect(asked.length).toBeGreaterThan(0);
    expect(asked[0]?.url).toContain('/projects/platform-project/locations/global/');
    await expect
      .poll(async () => (await bookedModels()).every((name) => name.startsWith('claude-')), LONG)
      .toBe(true);
    await expect.poll(async () => (await bookedModels()).length, LONG).toBeGreaterThan(0);
  },
  180_000,
);

test('OpenCode answers on a wire that the org’s own key alone serves', async () => {
  const application = await archiveOf({
    'AGENTS.md': 'You answer in a word.\n',
    'opencode.json': '{"model":"openai/gpt-5"}',
  });
  expect(await builder.publish('word', application)).toMatchObject({
    status: 'failed',
    problems: [{ file: 'opencode.json', line: 1, message: expect.stringContaining('OPENAI') }],
  });
  const base_url = `https://127.0.0.1:${(secure.address() as AddressInfo).port}/openai/v1`;
  const secret = { api_key: 'sk-own-0123456789abcdef' };
  const body = { provider: 'openai-compatible', base_url, secret };
  await builder.control('/v1/provider_keys', 'POST', body);
  const published = await builder.publish('word', application);
  expect(published).toMatchObject({ status: 'succeeded' });
  expect(await turn('word')).toMatchObject({ stop_reason: 'end_turn' });
  const models = own.requests.map(({ body: sent }) => (JSON.parse(sent) as Answer).model);
  expect(new Set(models)).toEqual(new Set(['gpt-5']));
  await expect.poll(bookedModels, LONG).toContain('gpt-5');
}, 180_000);
