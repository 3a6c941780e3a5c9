import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { notCarriedOver, readEarlierHome } from './earlier-home.ts';

async function homeWith(text: string | null): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'karta-earlier-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  if (text !== null) await writeFile(join(home, 'local-control.json'), text);
  return home;
}

/** As the version before the control plane wrote it. */
const FILE = {
  format: 1,
  org: { id: 'org_1', created_at: '2026-01-01T00:00:00+00:00', default_project_id: 'proj_1' },
  projects: [
    { id: 'proj_1', ref: 'shop', created_at: 'x', active_release_id: null, allowed_origins: [] },
    { id: 'proj_2', ref: 'bot', created_at: 'x', active_release_id: null, allowed_origins: [] },
  ],
  releases: [],
  api_keys: [],
};

test('an earlier home keeps its org, and says which projects must be published again', async () => {
  const earlier = await readEarlierHome(await homeWith(JSON.stringify(FILE)));
  expect(earlier).toEqual({ orgId: 'org_1', refs: ['shop', 'bot'] });
  expect(notCarriedOver(earlier, [])).toContain('shop, bot');
  expect(notCarriedOver(earlier, ['shop'])).toMatch(/^This project .*: bot\. Publish/);
  expect(notCarriedOver(earlier, ['bot', 'shop'])).toBeNull();
});

test('a home of this version has nothing to say', async () => {
  const earlier = await readEarlierHome(await homeWith(null));
  expect(earlier).toBeNull();
  expect(notCarriedOver(earlier, [])).toBeNull();
});

test('a damaged file is named, and nothing of it told', async () => {
  const damaged = homeWith('{"org":"kt_live_secret');
  const failure = readEarlierHome(await damaged);
  await expect(failure).rejects.toThrow('local-control.json');
  await expect(failure).rejects.not.toThrow('kt_live_secret');
});
