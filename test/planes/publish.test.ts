import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveOf, archiveOfFolder } from './archive.ts';
import { type Builder, builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const SUPPORT_BOT = join(import.meta.dirname, '../../examples/support-bot');

let planes: TwoPlanes;
let builder: Builder;

beforeAll(async () => {
  planes = await startTwoPlanes();
  builder = builderOn(planes);
});
afterAll(() => planes?.stop());

test('an uploaded folder becomes a release, a URL, and a session that answers', async () => {
  const build = await builder.publish('support-bot', await archiveOfFolder(SUPPORT_BOT));
  expect(build).toMatchObject({
    status: 'succeeded',
    release: { version: 'v1', created: true },
    url: await builder.urlOf('support-bot'),
  });
  const session = await builder.data('/v1/projects/support-bot/sessions', 'POST', {});
  expect(session).toMatchObject({ project: { ref: 'support-bot', version: 'v1' } });
  const path = `/v1/projects/support-bot/sessions/${session.id}/messages`;
  const answer = await builder.data(path, 'POST', { text: 'hello' });
  expect(answer.stop_reason).toBe('end_turn');
});

/** What a new session runs: a change waits for the node to know of it for a moment, not for ever. */
async function versionOfNew(): Promise<unknown> {
  const session = await builder.data('/v1/projects/shop/sessions', 'POST', {});
  return (session.project as { version: string }).version;
}

test('a session keeps its release while a later one is active, and rollback is a flip', async () => {
  const first = await builder.publish('shop', await archiveOf({ 'AGENTS.md': 'You sell tea.' }));
  expect(first.release).toMatchObject({ version: 'v1' });
  const old = await builder.data('/v1/projects/shop/sessions', 'POST', {});
  const second = await builder.publish(
    'shop',
    await archiveOf({ 'AGENTS.md': 'You sell coffee.' }),
  );
  expect(second.release).toMatchObject({ version: 'v2' });
  await expect.poll(versionOfNew).toBe('v2');
  const again = await builder.data(`/v1/projects/shop/sessions/${old.id}`);
  expect(again).toMatchObject({ project: { version: 'v1' } });

  const back = await builder.control('/v1/projects/shop/rollback', 'POST', {});
  expect(back).toMatchObject({ version: 'v1', previous_version: 'v2', reason: 'rollback' });
  await expect.poll(versionOfNew).toBe('v1');

  const same = await builder.publish('shop', await archiveOf({ 'AGENTS.md': 'You sell coffee.' }));
  expect(same.release).toMatchObject({ version: 'v2', created: false });
  const diff = await builder.control('/v1/projects/shop/releases/v2/diff?against=v1');
  expect(diff).toMatchObject({ changed: ['AGENTS.md'], added: [], removed: [] });
});

test('what is wrong with an application is said with file and line, and nothing changes', async () => {
  const build = await builder.publish(
    'broken',
    await archiveOf({ 'AGENTS.md': 'x', 'karta.toml': 'name = "x"\n[sandbox]\nmemory_mb = 1\n' }),
  );
  expect(build.status).toBe('failed');
  expect(build.problems).toContainEqual(
    expect.objectContaining({ severity: 'error', file: 'karta.toml', line: 3 }),
  );
  expect(await builder.control('/v1/projects/broken')).toMatchObject({ active_release: null });
});
