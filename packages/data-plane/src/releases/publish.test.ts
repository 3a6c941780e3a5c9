import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHarnesses } from '@karta/harness';
import { expect, test } from 'vitest';
import { ensureLocalOrg, openLocalControl } from '../control/index.ts';
import { bundledDigests } from './bundled.ts';
import type { Upstreams } from './model-check.ts';
import { problemText } from './problem.ts';
import { publishFolder } from './publish.ts';
import { type FolderSpec, fillFolder, folderOf, tempFolder } from './testing/temp-folder.ts';

const DEMO: Upstreams = [{ id: 'demo', families: ['anthropic', 'openai'], endpoint: 'embedded' }];
const ANTHROPIC: Upstreams = [{ id: 'anthropic', families: ['anthropic'], endpoint: 'https://a' }];

async function homeWithOrg(): Promise<{ home: string; orgId: string }> {
  const home = await tempFolder();
  return { home, ...(await ensureLocalOrg(home)) };
}

function publish(
  home: string,
  folder: string,
  { upstreams = DEMO, environment = {} }: { upstreams?: Upstreams; environment?: object } = {},
) {
  return publishFolder({
    home,
    folder,
    upstreams,
    harnesses: [...createHarnesses().values()].filter(({ id }) => id === 'opencode'),
    environment: environment as Record<string, string>,
  });
}

/** The problems of a folder that must not be published, and proof that nothing was. */
async function refusedWith(files: FolderSpec, upstreams: Upstreams = DEMO): Promise<string[]> {
  const { home, orgId } = await homeWithOrg();
  const result = await publish(home, await folderOf(files), { upstreams });
  if (result.ok) throw new Error('it was published');
  expect(await (await openLocalControl(home)).defaultProject(orgId)).toBeNull();
  expect(await readdir(join(home, 'releases')).catch(() => [])).toEqual([]);
  return result.problems.filter(({ severity }) => severity === 'error').map(problemText);
}

test('a folder becomes an active release of a project named after it', async () => {
  const { home, orgId } = await homeWithOrg();
  const root = await tempFolder();
  await fillFolder(root, {
    'Coffee Bot/AGENTS.md': 'You sell coffee.',
    'Coffee Bot/.opencode/agent/barista.md': '---\ndescription: makes coffee\n---\nBrew.',
    'Coffee Bot/karta.toml': '[sandbox]\nmemory_mb = 900\nmax_turn_s = 60\n',
  });
  const result = await publish(home, join(root, 'Coffee Bot'));
  expect(result).toMatchObject({
    ok: true,
    ref: 'coffee-bot',
    version: 'v1',
    created: true,
    harness: { id: 'opencode', version: expect.stringMatching(/^\d+\.\d+\.\d+$/) },
    warnings: [],
  });
  if (!result.ok) return;
  expect(result.agents.map(({ name }) => name)).toContain('barista');
  const control = await openLocalControl(home);
  const project = await control.project(orgId, 'coffee-bot');
  expect(project?.activeReleaseId).toBe(result.releaseId);
  const release = await control.release(orgId, result.releaseId);
  expect(release).toMatchObject({
    digest: result.digest,
    harness: { id: 'opencode', version: result.harness.version },
    config: { memoryMb: 900, maxTurnMs: 60_000, cpus: null },
  });
  const tree = join(home, 'releases', result.digest);
  expect(await readFile(join(tree, 'AGENTS.md'), 'utf8')).toBe('You sell coffee.');
});

test('the same content is the same release; a change is the next; going back is the first', async () => {
  const { home } = await homeWithOrg();
  const folder = await folderOf({ 'AGENTS.md': 'one' });
  const published = [await publish(home, folder), await publish(home, folder)];
  await fillFolder(folder, { 'AGENTS.md': 'two' });
  published.push(await publish(home, folder));
  await fillFolder(folder, { 'AGENTS.md': 'one' });
  published.push(await publish(home, folder));
  expect(published.map((result) => result.ok && [result.version, result.created])).toEqual([
    ['v1', true],
    ['v1', false],
    ['v2', true],
    ['v1', false],
  ]);
});

test('values of [env] belong to the release: another value is another release', async () => {
  const { home } = await homeWithOrg();
  const folder = await folderOf({ 'AGENTS.md': '', 'karta.toml': '[env]\nTONE = {}\n' });
  const first = await publish(home, folder, { environment: { TONE: 'kind' } });
  const second = await publish(home, folder, { environment: { TONE: 'dry' } });
  expect([first, second].map((result) => result.ok && result.version)).toEqual(['v1', 'v2']);
});

test('a folder without a harness file names both harnesses', async () => {
  const [problem, ...others] = await refusedWith({ 'README.md': 'hello' });
  expect(others).toEqual([]);
  for (const word of ['Claude Code', 'CLAUDE.md', 'OpenCode', 'AGENTS.md']) {
    expect(problem).toContain(word);
  }
});

test.each<[string, FolderSpec, RegExp]>([
  [
    'opencode.json',
    { 'opencode.json': '{\n  "model": "a/b",\n  oops\n}\n' },
    /^opencode\.json:3: /,
  ],
  [
    'karta.toml',
    { 'karta.toml': '[sandbox]\nmemory_mb = "x"\n' },
    /^karta\.toml:2: sandbox\.memory/,
  ],
  ['karta.toml syntax', { 'karta.toml': 'name = "a"\nb = = 1\n' }, /^karta\.toml:2: /],
  [
    'front matter',
    { '.opencode/agent/a.md': '---\ndescription: [a\n---\nx' },
    /^\.opencode\/agent\/a\.md:\d+: /,
  ],
])('broken %s is refused with file and line', async (_name, files, expected) => {
  const problems = await refusedWith({ 'AGENTS.md': 'x', ...files });
  expect(problems[0]).toMatch(expected);
});

test('a model that nobody serves is refused at its line', async () => {
  const files = { 'AGENTS.md': 'x', 'opencode.json': '{\n  "model": "openai/gpt-5"\n}\n' };
  const [problem] = await refusedWith(files, ANTHROPIC);
  expect(problem).toMatch(/^opencode\.json:2: no upstream serves the model "openai\/gpt-5"/);
});

test('links out of the folder are refused, as is a folder that is none', async () => {
  expect(await refusedWith({ 'AGENTS.md': 'x', all: { link: '/' } })).toEqual([
    expect.stringMatching(/^all: is a link out/),
  ]);
  const { home } = await homeWithOrg();
  const gone = await publish(home, '/nowhere/at/all');
  expect(gone).toMatchObject({
    ok: false,
    problems: [{ message: expect.stringContaining('exist') }],
  });
  const file = join(await folderOf({ 'AGENTS.md': '' }), 'AGENTS.md');
  expect(await publish(home, file)).toMatchObject({ ok: false });
});

test('secrets in the folder are warned of', async () => {
  const { home } = await homeWithOrg();
  const result = await publish(
    home,
    await folderOf({ 'AGENTS.md': '', '.env': 'A=1', '.env.example': '', 'web/.env.local': '' }),
  );
  expect(result.ok && result.warnings.map(problemText)).toEqual([
    '.env: is part of the release: the agent can read it',
    'web/.env.local: is part of the release: the agent can read it',
  ]);
});

test('the bundled examples publish without a warning and are known as such', async () => {
  const examples = join(import.meta.dirname, '../../../../examples');
  const bundled = await bundledDigests();
  const names = (await readdir(examples, { withFileTypes: true })).filter((e) => e.isDirectory());
  expect(names.length).toBeGreaterThan(0);
  for (const { name } of names) {
    const { home } = await homeWithOrg();
    const result = await publish(home, join(examples, name));
    if (!result.ok) throw new Error(result.problems.map(problemText).join('\n'));
    expect(bundled.has(result.digest)).toBe(true);
    expect(result.warnings).toEqual([]);
  }
});
