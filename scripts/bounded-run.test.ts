import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { runBounded } from './bounded-run.ts';

let folder: string;
let report: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-bounded-'));
  report = join(folder, 'report.json');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const runner = (code: string) =>
  runBounded(process.execPath, ['--input-type=module', '-e', code], {
    cwd: folder,
    env: process.env,
    report,
    teardownMs: 50,
  });

describe('a run of tests', () => {
  test('has the code of its runner', async () => {
    expect(await runner('process.exit(3)')).toBe(3);
    expect(await runner('')).toBe(0);
  });

  test('ends, and has failed, when a process holds it open after the report', async () => {
    const leftBehind = `
      import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'inherit' });
      writeFileSync(${JSON.stringify(report)}, '{}');
    `;
    expect(await runner(leftBehind)).toBe(1);
  });

  test('takes a process along that its runner did not wait for', async () => {
    const abandoned = `
      import { spawn } from 'node:child_process';
      import { writeFileSync } from 'node:fs';
      const child = spawn('sleep', ['3600'], { stdio: 'ignore' });
      writeFileSync('pid', String(child.pid));
      process.exit(0);
    `;
    expect(await runner(abandoned)).toBe(0);
    const pid = Number(await readFile(join(folder, 'pid'), 'utf8'));
    await expect.poll(() => isAlive(pid)).toBe(false);
  });
});

/** A killed process may stay a zombie where nobody collects orphans. */
function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
