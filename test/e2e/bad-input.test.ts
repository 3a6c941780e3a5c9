import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { example, karta, type ServedKarta, serveKarta, temporaryHome } from './karta-process.ts';
import { processes } from './processes-of.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-app-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A server that none of these cases may harm. It does not see Claude Code. */
let home: Awaited<ReturnType<typeof temporaryHome>>;
let server: ServedKarta;
beforeAll(async () => {
  home = await temporaryHome();
  server = await serveKarta(home.path, [example('support-bot')]);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
});

async function app(files: Record<string, string>): Promise<string> {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
  return folder;
}

function nothingRunsFor(home: string): void {
  expect(processes().filter(({ command }) => command.includes(home))).toEqual([]);
}

describe('karta serve, when it cannot', () => {
  test('a port in use: its number and a free one, and nothing stays', async () => {
    await using home = await temporaryHome();
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const args = ['serve', example('support-bot'), '--port', String(port)];
    const { code, stderr, stdout } = await karta(args, { home: home.path });
    other.close();
    expect(code).toBe(7);
    expect(stdout).toBe('');
    expect(stderr).toContain(`Port ${port} on 127.0.0.1 is in use`);
    expect(stderr).toMatch(/karta serve --port \d+/);
    nothingRunsFor(home.path);
  });

  test('two servers on one home: the pid of the first', async () => {
    const args = ['serve', example('support-bot'), '--port', '0'];
    const { code, stderr } = await karta(args, { home: home.path });
    expect(code).toBe(7);
    expect(stderr).toContain(`pid ${server.pid}`);
    expect(stderr).toContain(home.path);
    expect((await server.karta.sessions.create()).id).toMatch(/^sess_/);
  });

  test('a folder with an error: file and line, and nothing stays', async () => {
    await using home = await temporaryHome();
    const toml = 'name = "a"\n[sandbox\n';
    const args = ['serve', await app({ 'AGENTS.md': 'x', 'karta.toml': toml }), '--port', '0'];
    const { code, stderr } = await karta(args, { home: home.path });
    expect(stderr).toMatch(/karta\.toml:2/);
    expect(stderr).toContain(folder);
    expect(code).toBe(5);
    nothingRunsFor(home.path);
  });

  test('a folder that does not exist, and two that would be one project', async () => {
    await using home = await temporaryHome();
    const absent = await karta(['serve', join(folder, 'nope'), '--port', '0'], { home: home.path });
    expect(absent.code).toBe(5);
    expect(absent.stderr).toContain('does not exist');
    await app({ 'a/bot/AGENTS.md': 'x', 'b/bot/AGENTS.md': 'y' });
    const twins = [join(folder, 'a/bot'), join(folder, 'b/bot')];
    const { code, stderr } = await karta(['serve', ...twins, '--port', '0'], { home: home.path });
    expect(code).toBe(5);
    expect(stderr).toContain('would both be the project "bot"');
  });

  test('weaker isolation than demanded: what the machine has', async () => {
    await using home = await temporaryHome();
    const args = ['serve', example('support-bot'), '--port', '0', '--sandbox', 'none'];
    const { code, stderr } = await karta([...args, '--min-isolation', 'namespace'], {
      home: home.path,
    });
    expect(code).toBe(6);
    expect(stderr).toContain('"namespace" is required');
    nothingRunsFor(home.path);
  });
});

describe('karta deploy of a broken folder', () => {
  const broken: [string, Record<string, string>, RegExp][] = [
    [
      'no harness file',
      { 'readme.txt': 'hi' },
      /\.claude\/ or CLAUDE\.md.*\.opencode\/ or AGENTS\.md/s,
    ],
    [
      'opencode.json',
      { 'AGENTS.md': 'x', 'opencode.json': '{\n  "a": 1,\n  oops\n}' },
      /opencode\.json:3/,
    ],
    [
      'front matter',
      { 'AGENTS.md': 'x', '.opencode/agent/a.md': '---\ndescription: [\n---\nx' },
      /\.opencode\/agent\/a\.md:\d/,
    ],
    ['karta.toml', { 'AGENTS.md': 'x', 'karta.toml': 'name = "a"\n[sandbox\n' }, /karta\.toml:2/],
    [
      'a harness that is not installed',
      { 'CLAUDE.md': 'x', 'karta.toml': '[harness]\ntype = "claude-code"\n' },
      /claude.*npm install/is,
    ],
  ];
  test.each(broken)('%s: file and line, and nothing is published', async (_name, files, words) => {
    const { code, stderr } = await karta(['deploy', await app(files), '--project', 'broken'], {
      home: home.path,
    });
    expect(stderr).toMatch(words);
    expect(stderr).toContain(folder);
    expect(code).toBe(5);
    const { stdout } = await karta(['releases', '--project', 'broken'], { home: home.path });
    expect(stdout).toBe('');
  });
});
