import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { exposedSecretsOf } from './exposed-secrets.ts';

test('only secrets that an application exposes are handed on', async () => {
  const home = await mkdtemp(join(tmpdir(), 'karta-secrets-'));
  try {
    const environment = { A: 'a', B: 'b', C: 'c', OTHER: 'o' };
    expect(await exposedSecretsOf(home, environment)).toEqual({});
    await mkdir(join(home, 'releases', 'one'), { recursive: true });
    await mkdir(join(home, 'releases', 'two'));
    const toml = `[env]
A = {secret = true, expose = true}
B = {secret = true}
C = {required = true}
D = {secret = true, expose = true}
`;
    await writeFile(join(home, 'releases', 'one', 'karta.toml'), toml);
    expect(await exposedSecretsOf(home, environment)).toEqual({ A: 'a' });
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
