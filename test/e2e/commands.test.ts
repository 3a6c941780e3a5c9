import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { QUICK } from '../quick-application.ts';
import {
  cleanEnvironment,
  example,
  KARTA,
  karta,
  type ServedKarta,
  serveKarta,
  temporaryHome,
  WITH_CLAUDE_CODE,
} from './karta-process.ts';
import { processes } from './processes-of.ts';

const ask = `Note @@${JSON.stringify([
  { tools: [{ name: QUICK.shell, input: { command: 'echo hi > new.md', description: 'x' } }] },
  { text: 'over' },
])}@@`;

describe('with a server running', () => {
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let server: ServedKarta;
  let folder: string;
  beforeAll(async () => {
    home = await temporaryHome();
    folder = await mkdtemp(join(tmpdir(), 'karta-app-'));
    for (const [path, content] of Object.entries({ [QUICK.rules]: 'Be brief.\n', ...QUICK.asks })) {
      await writeFile(join(folder, path), content);
    }
    server = await serveKarta(home.path, [folder], { env: WITH_CLAUDE_CODE });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test('karta run streams one turn, and --approve answers for the person', async () => {
    const denied = await karta(['run', ask], { home: home.path });
    expect(denied.stderr).toContain('? asks');
    expect(denied.stderr).toContain('deny by');
    expect(denied).toMatchObject({ code: 0, stdout: 'over\n' });
    const approved = await karta(['run', ask, '--approve', 'once'], { home: home.path });
    expect(approved.stderr).toContain('approve_once by');
    expect(approved).toMatchObject({ code: 0, stdout: 'over\n' });
    const id = /session (sess_\w+)/.exec(approved.stderr)?.[1] ?? '';
    const session = server.karta.sessions.open(id);
    expect(await (await session.files.read('new.md')).text()).toBe('hi\n');
  });

  test('karta run --json is a line per event; --session goes on', async () => {
    const first = await karta(['run', 'Hello', '--json'], { home: home.path });
    const events = first.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.at(-1)).toMatchObject({ type: 'done' });
    const id = events[0].session_id;
    const more = await karta(['run', 'And again', '--session', id], { home: home.path });
    expect(more.code).toBe(0);
    expect(await server.karta.sessions.open(id).history()).toHaveLength(4);
    const unknown = await karta(['run', 'x', '--session', 'sess_nope'], { home: home.path });
    expect(unknown.code).toBe(3);
    expect(unknown.stderr).toContain('request req_');
  });

  test('karta run --folder publishes another folder into the running server', async () => {
    const args = ['run', 'When are you open?', '--folder', example('support-bot')];
    const { code, stdout } = await karta(args, { home: home.path });
    expect(stdout).toContain('Tuesday to Friday');
    expect(code).toBe(0);
    expect((await server.karta.sessions.create()).created.status).toBe('active');
  });

  test('karta sessions lists, shows and ends', async () => {
    const session = await server.karta.sessions.create({ metadata: { customer: 'c-9' } });
    const list = await karta(['sessions'], { home: home.path });
    expect(list.stdout).toContain(session.id);
    expect(list.stdout).toContain('"c-9"');
    const shown = await karta(['sessions', 'show', session.id, '--json'], { home: home.path });
    expect(JSON.parse(shown.stdout)).toMatchObject({ session: { id: session.id }, messages: [] });
    const ended = await karta(['sessions', 'end', session.id], { home: home.path });
    expect(ended).toMatchObject({ code: 0, stdout: `${session.id} ended\n` });
    await expect(session.get()).rejects.toMatchObject({ status: 404 });
  });

  test('karta chat takes lines from a pipe', async () => {
    const child = spawn(process.execPath, [KARTA, 'chat'], {
      env: cleanEnvironment({ KARTA_HOME: home.path }),
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stdin.end('@@[{"text":"one"}]@@\n\n@@[{"text":"two"}]@@\n/exit\nnever sent\n');
    const [code] = await once(child, 'close');
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'one\ntwo\n' });
  });
});

describe('without a server', () => {
  test('karta run starts one for the turn and leaves nothing behind', async () => {
    await using home = await temporaryHome();
    const { code, stdout } = await karta(['run', 'Do you sell decaf?'], {
      home: home.path,
      cwd: example('support-bot'),
      env: WITH_CLAUDE_CODE,
    });
    expect(stdout).toContain('Embers Out');
    expect(code).toBe(0);
    expect(processes().filter(({ command }) => command.includes(home.path))).toEqual([]);
  });

  test('karta run in a folder that is no application says so', async () => {
    await using home = await temporaryHome();
    const { code, stderr } = await karta(['run', 'hi'], { home: home.path, cwd: home.path });
    expect(code).toBe(5);
    expect(stderr).toContain('AGENTS.md');
  });

  test('karta doctor tells what this machine has', async () => {
    await using home = await temporaryHome();
    const { code, stdout } = await karta(['doctor', '--json', '--port', '0'], { home: home.path });
    const { ok, findings } = JSON.parse(stdout);
    expect(code).toBe(ok ? 0 : 6);
    const names = findings.map((found: { name: string }) => found.name);
    for (const name of ['namespace', 'none', 'OpenCode', 'PostgreSQL', 'disk', 'memory']) {
      expect(names).toContain(name);
    }
  });
});

describe('karta dev', () => {
  test('publishes on change, shows every session, refuses broken files and goes on', async () => {
    await using home = await temporaryHome();
    const folder = await mkdtemp(join(tmpdir(), 'karta-dev-'));
    await cp(example('support-bot'), folder, { recursive: true });
    await writeFile(join(folder, 'karta.toml'), 'name = "dev-bot"\n');
    const args = [KARTA, 'dev', folder, '--port', '0', '--json', '--home', home.path];
    const child = spawn(process.execPath, args, {
      env: cleanEnvironment(),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    try {
      const lines: Record<string, never>[] = [];
      createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
      const seen = (match: object) =>
        vi.waitFor(() => expect(lines).toContainEqual(expect.objectContaining(match)), {
          timeout: 100_000,
          interval: 100,
        });
      await seen({ ready: true });
      await appendFile(join(folder, 'AGENTS.md'), '\n- The parking space is free for customers.\n');
      await seen({ published: { ref: 'dev-bot', version: 'v2' } });
      await writeFile(join(folder, 'opencode.json'), '{ broken');
      await seen({
        refused: expect.objectContaining({
          problems: [expect.stringContaining('opencode.json:1')],
        }),
      });
      const { stdout } = await karta(['run', 'Is the parking space free?'], { home: home.path });
      expect(stdout).toContain('free for customers');
      await seen({ type: 'done' });
    } finally {
      child.kill('SIGTERM');
      await once(child, 'exit');
      await rm(folder, { recursive: true, force: true });
    }
  });
});
