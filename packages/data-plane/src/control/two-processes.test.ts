import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeFileAtomically } from '@karta/service/home';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openLocalControl } from './local.ts';
import { ensureLocalOrg } from './local-org.ts';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-processes-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** Runs a module's text in a process of its own, to its end. */
async function run(text: string): Promise<void> {
  const source = text.replaceAll('FOLDER', new URL('.', import.meta.url).href);
  const child = spawn(process.execPath, ['--input-type=module', '-e', source, home], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = await once(child, 'exit');
  expect(code).toBe(0);
}

it('two processes that publish at once lose nothing of each other', async () => {
  const publisher = (ref: string) => `
    import { ensureLocalOrg } from 'FOLDERlocal-org.ts';
    import { activateRelease, recordRelease } from 'FOLDERpublish.ts';
    const home = process.argv[1];
    await ensureLocalOrg(home);
    for (let n = 0; n < 10; n += 1) {
      const { releaseId } = await recordRelease(home, {
        ref: '${ref}',
        digest: String(n).repeat(64),
        harness: { id: 'opencode', version: '1' },
        config: { memoryMb: null, cpus: null, diskMb: null, maxTurnMs: null, env: {}, modelDefault: null, networkAllow: [], providerTools: false },
      });
      await activateRelease(home, releaseId);
    }`;
  await Promise.all([run(publisher('one')), run(publisher('two'))]);
  const { orgId, apiKey } = await ensureLocalOrg(home);
  const control = await openLocalControl(home);
  expect(await control.authenticate(apiKey)).toMatchObject({ orgId });
  for (const ref of ['one', 'two']) {
    const project = await control.project(orgId, ref);
    const release = await control.release(orgId, project?.activeReleaseId ?? '');
    expect(release).toMatchObject({ version: 'v10', digest: '9'.repeat(64) });
  }
  expect((await readdir(home)).sort()).toEqual([
    'credentials.json',
    'local-control.json',
    'secrets',
  ]);
});

it('a file replaced atomically is whole or old, private, and leaves no draft', async () => {
  const path = join(home, 'file');
  await writeFile(path, 'old', { mode: 0o644 });
  await writeFileAtomically(path, 'new');
  expect(await readFile(path, 'utf8')).toBe('new');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await expect(writeFileAtomically(join(home, 'absent', 'file'), 'x')).rejects.toThrow();
  await expect(writeFileAtomically(home, 'x')).rejects.toThrow();
  expect(await readdir(home)).toEqual(['file']);
});
