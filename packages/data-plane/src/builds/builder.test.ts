import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { createHarnesses } from '@karta/harness';
import type { KeyProvider } from '@karta/protocol';
import { pack } from 'tar-stream';
import { beforeEach, expect, test } from 'vitest';
import type { Upstreams } from '../releases/model-check.ts';
import { problemText } from '../releases/problem.ts';
import { tempFolder } from '../releases/testing/temp-folder.ts';
import { type Builder, createBuilder } from './builder.ts';

let home: string;
let builder: Builder;

beforeEach(async () => {
  home = await tempFolder('kb-');
  const runtimeDir = join(home, 'run');
  await mkdir(runtimeDir, { mode: 0o700 });
  builder = createBuilder({
    home,
    runtimeDir,
    sandbox: 'namespace',
    allowUnsandboxed: false,
    harnesses: [...createHarnesses().values()],
    upstreams: async () => upstreams,
    openEgress: () => Promise.reject(new Error('no build here reaches anything')),
  });
});

const DEMO: Upstreams = [
  { id: 'demo', families: ['anthropic', 'openai'], responses: true, endpoint: 'x' },
];
let upstreams = DEMO;

function archiveOf(files: Record<string, string>): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  return tar.pipe(createGzip());
}

async function build(
  archive: Readable,
  env = { plain: {}, secret: [] as string[] },
  ownProviders: readonly KeyProvider[] = [],
) {
  const target = join(home, 'tree');
  await mkdir(target);
  const log: string[] = [];
  const outcome = await builder.build(
    {
      archive,
      owner: { orgId: 'org_1', projectId: 'proj_1' },
      env,
      fallbackName: 'app',
      ownProviders,
      log: (text) => void log.push(text),
      signal: new AbortController().signal,
    },
    target,
  );
  return { outcome, target, log };
}

test('an archive becomes a tree that is what its digest says', async () => {
  const { outcome, target, log } = await build(
    archiveOf({
      'AGENTS.md': 'You sell coffee.',
      'karta.toml': '[sandbox]\nmemory = 1\n',
      '.opencode/agent/barista.md': '---\ndescription: x\n---\nBrew.',
    }),
  );
  if (!outcome.ok) throw new Error(outcome.problems.map(problemText).join('\n'));
  expect(await readFile(join(target, 'AGENTS.md'), 'utf8')).toBe('You sell coffee.');
  expect(log).toEqual([
    'unpacked 3 files, 65 bytes',
    expect.stringMatching(/^harness: opencode \d/),
    expect.stringMatching(/^agents: .*barista/),
    expect.stringMatching(/^warning: karta.toml:2: /),
    `content sha256:${outcome.facts.content_digest}`,
  ]);
  expect(outcome.facts.agents).toContain('barista');
  expect(outcome.facts.content_digest).toBe(outcome.image.manifest.digest);
  expect(await readdir(join(home, 'builder/volumes'))).toEqual([]);
});

test('setup runs inside and its files are part of the release', async () => {
  const { outcome, target, log } = await build(
    archiveOf({
      'AGENTS.md': 'x',
      'karta.toml':
        '[build]\nsetup = "echo made > made.txt && echo hello && id -u && cat /etc/hosts"\n',
    }),
  );
  expect(log).toContain('hello');
  expect(log.at(-1)).toMatch(/^setup took \d+\.\d s and leaves 3 files, /);
  if (!outcome.ok) throw new Error(outcome.problems.map(problemText).join('\n'));
  expect(await readFile(join(target, 'made.txt'), 'utf8')).toBe('made\n');
  expect(outcome.facts.content_digest).not.toBe(outcome.image.manifest.digest);
});

test('a setup that fails is a build that fails, with its output told', async () => {
  const { outcome, log } = await build(
    archiveOf({ 'AGENTS.md': 'x', 'karta.toml': '[build]\nsetup = "echo nope; exit 3"\n' }),
  );
  expect(log).toContain('nope');
  expect(outcome).toMatchObject({ ok: false });
  if (!outcome.ok) expect(outcome.problems.map(problemText).join()).toContain('exit code 3');
});

test('what setup leaves running, and links that it makes outwards, get nowhere', async () => {
  const setup = 'sleep 600 & ln -s /etc/passwd out.txt; echo over';
  const { outcome } = await build(
    archiveOf({ 'AGENTS.md': 'x', 'karta.toml': `[build]\nsetup = "${setup}"\n` }),
  );
  expect(outcome.ok).toBe(false);
  if (!outcome.ok) expect(outcome.problems.map(problemText).join()).toContain('out of the folder');
});

test('a model may name a provider that the org alone has a key of, on whichever wire', async () => {
  upstreams = [{ id: 'openai', families: ['openai'], responses: true, endpoint: 'x' }];
  try {
    const naming = (model: string) =>
      archiveOf({ 'AGENTS.md': 'x', 'opencode.json': JSON.stringify({ model }) });
    const env = { plain: {}, secret: [] };
    const own: KeyProvider[] = ['openrouter'];
    const bedrock = 'bedrock/anthropic.claude-x';
    const refused = await build(naming(bedrock), env, own);
    expect(refused.outcome).toMatchObject({
      ok: false,
      problems: [{ file: 'opencode.json', line: 1, message: expect.stringContaining('upstream') }],
    });
    await rm(refused.target, { recursive: true, force: true });
    const there = await build(naming('openrouter/openai/gpt-5'), env, own);
    expect(there.outcome.ok && there.outcome.facts.config).not.toHaveProperty('own_wires');
    await rm(there.target, { recursive: true, force: true });
    // Nobody else speaks its wire: what runs is to be offered it.
    const { outcome } = await build(naming(bedrock), env, [...own, 'bedrock']);
    expect(outcome).toMatchObject({ ok: true, facts: { config: { own_wires: ['bedrock'] } } });
  } finally {
    upstreams = DEMO;
  }
});
