import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { EXIT } from './exit-codes.ts';

const home = mkdtempSync(join(tmpdir(), 'karta-cli-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));
const launcher = fileURLToPath(new URL('../bin/karta.js', import.meta.url));

function karta(...args: string[]) {
  const { PATH, HOME } = process.env;
  return spawnSync(process.execPath, [launcher, ...args], {
    encoding: 'utf8',
    env: { PATH, HOME, KARTA_HOME: home },
  });
}

describe('karta', () => {
  test('without arguments shows its help, with exit codes', () => {
    const { status, stdout } = karta();
    expect(status).toBe(0);
    for (const { code, meaning } of Object.values(EXIT)) {
      expect(stdout).toContain(`${code}`);
      expect(stdout).toContain(meaning);
    }
    for (const command of ['serve', 'dev', 'run', 'chat', 'sessions', 'doctor', 'completion']) {
      expect(stdout).toContain(`\n  ${command} `);
    }
  });

  test('--version is a version', () => {
    expect(karta('--version')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test('a misspelt command is corrected', () => {
    const { status, stderr } = karta('serv');
    expect(status).toBe(EXIT.usage.code);
    expect(stderr).toContain('Did you mean serve?');
  });

  test('what follows a command that lists by itself is told from its commands', () => {
    const { status, stderr } = karta('limits', 'list');
    expect(status).toBe(EXIT.usage.code);
    expect(stderr).toContain("unknown command 'list' of limits");
    expect(stderr).toMatch(/Commands of limits: .*set/);
    expect(karta('keys', 'creat').stderr).toContain('create');
  });

  test('an option that cannot be is refused with what can', () => {
    const { status, stderr } = karta('serve', '--sandbox', 'docker');
    expect(status).toBe(EXIT.usage.code);
    expect(stderr).toContain('auto, namespace, none');
  });

  test('a command that needs a server says how to start one', () => {
    const { status, stderr } = karta('sessions');
    expect(status).toBe(EXIT.unreachable.code);
    expect(stderr).toContain('No server');
    expect(stderr).toContain('karta serve');
  });

  test('--json makes failures JSON too', () => {
    const { status, stdout } = karta('sessions', '--json');
    expect(status).toBe(EXIT.unreachable.code);
    expect(JSON.parse(stdout)).toMatchObject({ error: { exit: 'unreachable' } });
  });

  test.each(['bash', 'zsh'])('completion for %s names every command', (shell) => {
    const { status, stdout } = karta('completion', shell);
    expect(status).toBe(0);
    for (const command of [
      'serve',
      'deploy',
      'rollback',
      'login',
      'audit',
      'doctor',
      'completion',
    ]) {
      expect(stdout).toMatch(new RegExp(`words="[^"]*\\b${command}\\b[^"]*--version"`));
    }
    expect(stdout).toMatch(/webhooks\) words="create [^"]*redeliver/);
    expect(stdout).toContain('--min-isolation');
    if (shell === 'bash') {
      expect(spawnSync('bash', ['-n'], { input: stdout }).status).toBe(0);
    }
    expect(karta('completion', 'fish').status).toBe(EXIT.usage.code);
  });
});
