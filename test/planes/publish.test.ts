import { join } from 'node:path';
import type { BuildView } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveOf, archiveOfFolder } from './archive.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const SUPPORT_BOT = join(import.meta.dirname, '../../examples/support-bot');

/** An answer, of which each test looks at some. */
type Answer = Record<string, unknown>;

let planes: TwoPlanes;

beforeAll(async () => {
  planes = await startTwoPlanes();
});
afterAll(() => planes?.stop());

function ask(url: string, method: string, body?: unknown): Promise<Response> {
  return fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${planes.apiKey}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function json(url: string, method = 'GET', body?: unknown): Promise<Answer> {
  const response = await ask(url, method, body);
  const value = (await response.json()) as Answer;
  if (!response.ok) throw new Error(JSON.stringify(value));
  return value;
}

const control = (path: string, method?: string, body?: unknown) =>
  json(`${planes.control.url}${path}`, method, body);
const data = (path: string, method?: string, body?: unknown) =>
  json(`${planes.data.url}${path}`, method, body);

async function publish(
  ref: string,
  archive: Uint8Array<ArrayBuffer>,
  query = '',
): Promise<BuildView> {
  const response = await fetch(`${planes.control.url}/v1/projects/${ref}/releases${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${planes.apiKey}`, 'content-type': 'application/x-tar' },
    body: archive,
  });
  const begun = (await response.json()) as BuildView;
  if (response.status !== 202) throw new Error(JSON.stringify(begun));
  const log = await ask(`${planes.control.url}/v1/projects/${ref}/builds/${begun.id}/log`, 'GET');
  const events = await log.text();
  const end = /event: build\ndata: (.*)\n/.exec(events)?.[1];
  if (end === undefined) throw new Error(events);
  return JSON.parse(end) as BuildView;
}

test('an uploaded folder becomes a release, a URL, and a session that answers', async () => {
  const build = await publish('support-bot', await archiveOfFolder(SUPPORT_BOT));
  expect(build).toMatchObject({
    status: 'succeeded',
    release: { version: 'v1', created: true },
    url: `${planes.data.url}/v1/projects/support-bot`,
  });
  const session = await json(`${build.url}/sessions`, 'POST', {});
  expect(session).toMatchObject({ project: { ref: 'support-bot', version: 'v1' } });
  const answer = await json(`${build.url}/sessions/${session.id}/messages`, 'POST', {
    text: 'hello',
  });
  expect(answer.stop_reason).toBe('end_turn');
});

test('a session keeps its release while a later one is active, and rollback is a flip', async () => {
  const first = await publish('shop', await archiveOf({ 'AGENTS.md': 'You sell tea.' }));
  expect(first.release).toMatchObject({ version: 'v1' });
  const old = await data('/v1/projects/shop/sessions', 'POST', {});
  const second = await publish('shop', await archiveOf({ 'AGENTS.md': 'You sell coffee.' }));
  expect(second.release).toMatchObject({ version: 'v2' });
  const fresh = await data('/v1/projects/shop/sessions', 'POST', {});
  expect(fresh).toMatchObject({ project: { version: 'v2' } });
  const again = await data(`/v1/projects/shop/sessions/${old.id}`);
  expect(again).toMatchObject({ project: { version: 'v1' } });

  const back = await control('/v1/projects/shop/rollback', 'POST', {});
  const restored = await data('/v1/projects/shop/sessions', 'POST', {});
  expect(back).toMatchObject({ version: 'v1', previous_version: 'v2', reason: 'rollback' });
  expect(restored).toMatchObject({ project: { version: 'v1' } });

  const same = await publish('shop', await archiveOf({ 'AGENTS.md': 'You sell coffee.' }));
  expect(same.release).toMatchObject({ version: 'v2', created: false });
  const diff = await control('/v1/projects/shop/releases/v2/diff?against=v1');
  expect(diff).toMatchObject({ changed: ['AGENTS.md'], added: [], removed: [] });
});

test('what is wrong with an application is said with file and line, and nothing changes', async () => {
  const build = await publish(
    'broken',
    await archiveOf({ 'AGENTS.md': 'x', 'karta.toml': 'name = "x"\n[sandbox]\nmemory_mb = 1\n' }),
  );
  expect(build.status).toBe('failed');
  expect(build.problems).toContainEqual(
    expect.objectContaining({ severity: 'error', file: 'karta.toml', line: 3 }),
  );
  expect(await control('/v1/projects/broken')).toMatchObject({ active_release: null });
});
