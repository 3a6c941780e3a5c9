import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createOrgGrants } from '../control/remote/index.ts';
import { openPullProofs } from './pull-proofs.ts';
import { tempFolder } from './testing/temp-folder.ts';

const log = {
  error(details: unknown) {
    throw new Error(JSON.stringify(details));
  },
};

test('what a node has met is there after a restart, for pulls alone', async () => {
  const home = await tempFolder();
  const before = createOrgGrants();
  const proofs = await openPullProofs(home, before, log, 0);
  expect(proofs.of('org_1')).toBeNull();
  before.keep('org_1', 'grant 1');
  before.keep('org_2', 'grant 2');
  await proofs.settled();
  expect((await stat(join(home, 'data/grants.json'))).mode & 0o777).toBe(0o600);

  const after = createOrgGrants();
  const again = await openPullProofs(home, after, log, 0);
  expect(again.of('org_1')).toBe('grant 1');
  expect(again.of('org_3')).toBeNull();
  expect(after.of('org_1')).toBeNull();
  after.keep('org_1', 'grant 3');
  expect(again.of('org_1')).toBe('grant 3');
});

test('a grant that is renewed all the time is written down once a day', async () => {
  const home = await tempFolder();
  const grants = createOrgGrants();
  const proofs = await openPullProofs(home, grants, log, 0);
  grants.keep('org_1', 'first');
  await proofs.settled();
  grants.keep('org_1', 'second');
  await proofs.settled();
  expect(proofs.of('org_1')).toBe('second');
  expect(await readFile(join(home, 'data/grants.json'), 'utf8')).toContain('first');
});

test('a damaged file is an error that names it', async () => {
  const home = await tempFolder();
  const grants = createOrgGrants();
  const proofs = await openPullProofs(home, grants, log, 0);
  grants.keep('org_1', 'x');
  await proofs.settled();
  await writeFile(join(home, 'data/grants.json'), '{');
  await expect(openPullProofs(home, createOrgGrants(), log)).rejects.toThrow('grants.json');
});
