import { mkdir, readdir, readFile, rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { QUICK } from '../quick-application.ts';
import { archiveOf } from './archive.ts';
import { type Builder, builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

let planes: TwoPlanes;
let builder: Builder;

beforeAll(async () => {
  planes = await startTwoPlanes();
  builder = builderOn(planes);
});
afterAll(() => planes?.stop());

const app = (text: string, more: Record<string, string> = {}) =>
  archiveOf({ [QUICK.rules]: text, ...more });

async function newSession(ref: string): Promise<{ id: string; version: unknown }> {
  const session = await builder.data(`/v1/projects/${ref}/sessions`, 'POST', {});
  return { id: String(session.id), version: (session.project as { version: string }).version };
}

test('a revoked release ends its sessions, and the one before takes its place', async () => {
  await builder.publish('revoked', await app('one'));
  await builder.publish('revoked', await app('two'));
  const { id, version } = await newSession('revoked');
  expect(version).toBe('v2');
  const path = `/v1/projects/revoked/sessions/${id}`;
  const script = '@@[{"text":"slow","delay":60000}]@@';
  const turn = builder.data(`${path}/messages`, 'POST', { text: script });
  turn.catch(() => {});
  await expect.poll(async () => (await builder.data(path)).status).toBe('running');

  await builder.control('/v1/projects/revoked/releases/v2/revoke', 'POST');
  expect(await turn).toMatchObject({ stop_reason: 'error' });
  await expect.poll(async () => (await builder.data(path)).status).toBe('ended');
  const late = await builder.ask(`${planes.data.url}${path}/messages`, 'POST', { text: 'x' });
  expect(await late.json()).toMatchObject({ error: 'release_revoked', status: 409 });
  expect(await newSession('revoked')).toMatchObject({ version: 'v1' });
  const url = `${planes.control.url}/v1/projects/revoked/activations`;
  const again = await builder.ask(url, 'POST', { version: 'v2' });
  expect(await again.json()).toMatchObject({ error: 'release_revoked' });
  const republished = await builder.publish('revoked', await app('two'));
  expect(republished).toMatchObject({ status: 'failed' });
});

test('values reach the sandbox; secrets only when exposed, and only plain ones make a release', async () => {
  const toml =
    '[env]\nGREETING = {}\nSHOWN = { secret = true, expose = true }\nHIDDEN = { secret = true }\n';
  await builder.publish('env', await app('x', { 'karta.toml': toml }));
  await builder.control('/v1/projects/env/env/SHOWN', 'PUT', { value: 'sesame', secret: true });
  await builder.control('/v1/projects/env/env/HIDDEN', 'PUT', { value: 'never', secret: true });
  const changed = await builder.control('/v1/projects/env/env/GREETING', 'PUT', { value: 'moin' });
  expect(changed).toMatchObject({ release: { version: 'v2', env: { GREETING: 'moin' } } });
  expect(await builder.control('/v1/projects/env/env')).toMatchObject({
    values: [
      { name: 'GREETING', secret: false, value: 'moin' },
      { name: 'HIDDEN', secret: true, value: null },
      { name: 'SHOWN', secret: true, value: null },
    ],
  });

  const { id, version } = await newSession('env');
  expect(version).toBe('v2');
  const path = `/v1/sessions/${id}`;
  await builder.data(path, 'PATCH', { permission_mode: 'autonomous' });
  const input = { command: 'echo "[$GREETING/$SHOWN/$HIDDEN]"', description: 'show' };
  const script = `@@${JSON.stringify([{ tools: [{ name: QUICK.shell, input }] }, { text: 'ok' }])}@@`;
  const answer = await builder.data(`${path}/messages`, 'POST', { text: script });
  expect(JSON.stringify(answer)).toContain('[moin/sesame/]');

  const dump = JSON.stringify(await builder.control('/v1/audit'));
  expect(dump).toContain('env.set');
  for (const secret of ['sesame', 'never']) expect(dump).not.toContain(secret);
});

test('a preview has a URL of its own while another release is active', async () => {
  await builder.publish('shown', await app('one'));
  const build = await builder.publish('shown', await app('two'), '?preview=true');
  expect(build).toMatchObject({ release: { version: 'v2' }, preview: { version: 'v2' } });
  expect(await newSession('shown')).toMatchObject({ version: 'v1' });
  const preview = build.preview?.ref ?? '';
  expect(preview).toMatch(/^shown--[0-9a-f]{8}$/);
  expect(await newSession(preview)).toMatchObject({ version: 'v2' });
  const { previews } = await builder.control('/v1/projects/shown/previews');
  expect(previews).toMatchObject([{ ref: preview, version: 'v2' }]);
});

test('publishes at once each become a release, and the one begun last is active', async () => {
  const archives = await Promise.all(['a', 'b', 'c'].map((text) => app(text)));
  const builds = await Promise.all(archives.map((one) => builder.publish('busy', one)));
  expect(builds.map(({ status }) => status)).toEqual(['succeeded', 'succeeded', 'succeeded']);
  const versions = builds.map(({ release }) => release?.version);
  expect([...versions].sort()).toEqual(['v1', 'v2', 'v3']);
  const latest = builds
    .map(({ created_at }) => created_at)
    .sort()
    .at(-1);
  // Of those begun in the same millisecond none is the later one.
  const last = builds.filter(({ created_at }) => created_at === latest);
  const { active_release } = await builder.control('/v1/projects/busy');
  const latestVersions = last.map(({ release }) => release?.version);
  expect(latestVersions).toContainEqual((active_release as { version: string }).version);
});

test('what is absent or impossible is told as such', async () => {
  const status = async (path: string, body?: unknown) => {
    const response = await builder.ask(`${planes.control.url}${path}`, 'POST', body ?? {});
    return `${response.status} ${((await response.json()) as { error: string }).error}`;
  };
  await builder.publish('told', await app('x'));
  expect(await status('/v1/projects/told/rollback')).toBe('404 not_found');
  expect(await status('/v1/projects/told/rollback', { to: 'v9' })).toBe('404 not_found');
  expect(await status('/v1/projects/nothing/rollback')).toBe('404 not_found');
  expect(await status('/v1/projects', { ref: 'told' })).toBe('409 already_exists');
  expect(await status('/v1/projects', { ref: 'No!' })).toBe('422 validation_failed');
  const upload = await builder.upload('Bad_Ref', await app('x'));
  expect(upload.status).toBe(422);
});

test('an upload that breaks off leaves nothing behind', async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(1000));
      controller.error(new Error('the client has gone'));
    },
  });
  await expect(builder.upload('cut', body)).rejects.toThrow();
  const response = await builder.ask(`${planes.control.url}/v1/projects/cut`);
  expect(response.status).toBe(404);
});

test('a node that lost its disk has its releases again at the next use', async () => {
  const build = await builder.publish('lost', await app('here'));
  expect(build.status).toBe('succeeded');
  await planes.stopData();
  await rm(join(planes.nodeHome, 'releases'), { recursive: true, force: true });
  await rm(join(planes.nodeHome, 'data'), { recursive: true, force: true });
  await planes.startData();
  await expect.poll(async () => (await newSession('lost').catch(() => null))?.version).toBe('v1');
  const { id } = await newSession('lost');
  const files = await builder.data(`/v1/sessions/${id}/files`);
  expect(JSON.stringify(files)).toContain(QUICK.rules);
});

test('a node that nobody has called since its start has what it needs to warm sandboxes', async () => {
  await builder.publish('warm', await app('here'));
  await newSession('warm');
  const written = () => readFile(join(planes.nodeHome, 'data/grants.json'), 'utf8').catch(() => '');
  await expect.poll(written, { timeout: 10_000 }).toContain('og1.');
  await planes.stopData();
  await rm(join(planes.nodeHome, 'releases'), { recursive: true, force: true });
  await planes.startData({ pool_size: 1 });
  const trees = () => readdir(join(planes.nodeHome, 'releases')).catch(() => []);
  await expect.poll(async () => (await trees()).length, { timeout: 60_000 }).toBeGreaterThan(0);
  await planes.stopData();
  await planes.startData();
});

test('old releases are collected from both planes, and a session goes on with the one it has', async () => {
  const digests = new Map<string, string>();
  const folder = join(planes.nodeHome, 'releases');
  await mkdir(folder, { recursive: true });
  const trees = () => readdir(folder);
  let old = '';
  for (const text of ['one', 'two', 'three']) {
    const before = new Set(await trees());
    const query = text === 'two' ? '?activate=false' : '';
    const build = await builder.publish('collected', await app(`collected ${text}`), query);
    const made = (await trees()).find((name) => /^[0-9a-f]{64}$/.test(name) && !before.has(name));
    digests.set(build.release?.version ?? '', made ?? '');
    if (text === 'one') old = (await newSession('collected')).id;
  }
  // Only what has lain there for a while goes.
  const longAgo = new Date(Date.now() - 3 * 60 * 60 * 1000);
  for (const name of await trees()) {
    await utimes(join(folder, name), longAgo, longAgo);
  }
  await planes.stopControl();
  await planes.startControl({ collection: { keep: 1, every_ms: 100 } });
  await expect.poll(trees, { timeout: 60_000 }).not.toContain(digests.get('v2'));
  await planes.stopControl();
  await planes.startControl();
  const left = await trees();
  for (const version of ['v1', 'v3']) expect(left).toContain(digests.get(version));
  const activations = `${planes.control.url}/v1/projects/collected/activations`;
  const again = await builder.ask(activations, 'POST', { version: 'v2' });
  expect(again.status).toBe(410);
  expect(await again.json()).toMatchObject({ error: 'release_expired' });
  const answer = await builder.data(`/v1/projects/collected/sessions/${old}/messages`, 'POST', {
    text: '@@[{"text":"still here"}]@@',
  });
  expect(answer).toMatchObject({ stop_reason: 'end_turn', text: 'still here' });
  const republished = await builder.publish('collected', await app('collected two'));
  expect(republished.release).toMatchObject({ version: 'v2', created: false });
  // Nodes hear of it within a moment; an activation waits for that, but not long.
  const fresh = async () => (await newSession('collected')).version;
  await expect.poll(fresh, { timeout: 20_000 }).toBe('v2');
});

test('a node restarts and serves while the control plane is away', async () => {
  await builder.publish('alone', await app('here'));
  const { id } = await newSession('alone');
  await planes.stopControl();
  expect((await builder.data(`/v1/sessions/${id}`)).id).toBe(id);
  const catalog = await readFile(join(planes.nodeHome, 'data/catalog.json'), 'utf8');
  expect(catalog).toContain('"alone"');
  await planes.startControl();
  expect(await builder.control('/v1/projects/alone')).toMatchObject({ ref: 'alone' });
  const build = await builder.publish('alone', await app('there'));
  expect(build).toMatchObject({ release: { version: 'v2' } });
});
