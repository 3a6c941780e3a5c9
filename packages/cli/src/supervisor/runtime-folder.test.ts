import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeRuntimeFolder } from './runtime-folder.ts';

test('the folder is short, private, the same for one home and another for the next', async () => {
  const base = mkdtempSync(join(tmpdir(), 'karta-run-'));
  const env = { XDG_RUNTIME_DIR: base };
  const home = join(base, 'a-very-long-name-'.repeat(12));
  const made: string[] = [];
  try {
    made.push(await makeRuntimeFolder(home, env));
    made.push(await makeRuntimeFolder(home, env));
    made.push(await makeRuntimeFolder(`${home}2`, env));
    expect(made[0]).toBe(made[1]);
    expect(made[0]).not.toBe(made[2]);
    for (const folder of made) {
      expect(folder.length).toBeLessThan(60);
      expect(statSync(folder).mode & 0o066).toBe(0);
    }
  } finally {
    for (const folder of [...made, base]) rmSync(folder, { recursive: true, force: true });
  }
});
