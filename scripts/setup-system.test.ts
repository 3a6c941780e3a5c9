import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const script = fileURLToPath(new URL('setup-system', import.meta.url));
let bin: string;

beforeEach(() => {
  bin = join(mkdtempSync(join(tmpdir(), 'karta-setup-system-')), 'bin');
  mkdirSync(bin);
  for (const tool of ['sh', 'mktemp', 'tail', 'rm']) link(tool);
});
afterEach(() => rmSync(join(bin, '..'), { recursive: true, force: true }));

/** A machine whose PATH holds only what a test puts there. */
function link(tool: string): void {
  const found = spawnSync('sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' });
  symlinkSync(found.stdout.trim(), join(bin, tool));
}

function put(tool: string, body = 'exit 0'): void {
  const path = join(bin, tool);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
}

function run(...args: string[]) {
  return spawnSync('/bin/sh', [script, ...args], { encoding: 'utf8', env: { PATH: bin } });
}

describe('setup-system', () => {
  test('says and does nothing when everything is there', () => {
    for (const tool of ['bwrap', 'rg', 'socat']) put(tool);
    expect(run('--strict')).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });

  test('prints the one command to an ordinary user and goes on', () => {
    put('id', 'echo 1000');
    put('apt-get');
    put('rg');
    const { status, stdout } = run();
    expect(status).toBe(0);
    expect(stdout).toContain("sudo sh -c 'apt-get update && apt-get install");
    expect(stdout).toContain('bubblewrap socat');
    expect(stdout).not.toContain('ripgrep');
  });

  test('installs by itself as root with apt', () => {
    put('id', 'echo 0');
    put('rg');
    put('socat');
    put(
      'apt-get',
      `[ "$1" = install ] && { echo '#!/bin/sh' > ${bin}/bwrap; /bin/chmod +x ${bin}/bwrap; }; exit 0`,
    );
    const { status, stdout } = run('--strict');
    expect(stdout).toContain('Installed.');
    expect(status).toBe(0);
  });

  test('shows why an installation failed; only --strict stops', () => {
    put('id', 'echo 0');
    put('apt-get', 'echo "E: no network" >&2; exit 100');
    const lenient = run();
    expect(lenient.status).toBe(0);
    expect(lenient.stdout).toContain('E: no network');
    expect(lenient.stdout).toContain('Still missing: bubblewrap ripgrep socat');
    expect(run('--strict').status).toBe(1);
  });
});
