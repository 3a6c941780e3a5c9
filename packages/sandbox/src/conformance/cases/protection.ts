import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Case } from '../case.ts';
import { run, sh } from '../test-ground.ts';

const PROTECTED = [
  { path: 'config', whenAbsent: 'directory' },
  { path: 'settings.json', whenAbsent: 'remove' },
  { path: '.absent', whenAbsent: 'directory' },
  { path: 'sub/file.md', whenAbsent: 'remove' },
] as const;

/** What the protected paths show, as the next harness would see it. */
const SHOW = 'cat config/rules.md settings.json; ls config .absent; ls sub 2>/dev/null; true';
const UNTOUCHED = 'rules of the release\n{"release":true}\n.absent:\n\nconfig:\nrules.md\n';

/** Ways to change a protected path; each is followed by a look from a new process. */
const ATTACKS: Readonly<Record<string, string>> = {
  'write in place': 'echo evil > settings.json; echo evil > config/rules.md',
  'add a file': 'echo evil > config/more.md; echo evil > .absent/x',
  remove: 'rm -rf config settings.json .absent',
  'rename away': 'mv config gone; mv settings.json gone2; mv .absent gone3',
  'put a link in its place':
    'rm -rf config settings.json .absent; ln -s /etc config; ln -s /etc/passwd settings.json; ln -s / .absent',
  'create what was absent': 'mkdir -p sub; echo evil > sub/file.md',
  'make its folder a link': 'rm -rf sub; ln -s /tmp sub; echo evil > sub/file.md',
};

export const protectionCases: Case[] = [
  ...Object.entries(ATTACKS).map(
    ([attack, script]): Case => ({
      name: `protected paths are the release's for the next process: ${attack}`,
      // A planted link would lead this driver, and this test, out to the machine.
      confinedOnly: script.includes('-s /tmp'),
      async run({ create, driver, ground }) {
        const sandbox = await create({ protectedPaths: PROTECTED });
        await run(sandbox, sh(script));
        assert.equal((await run(sandbox, sh(SHOW))).stdout.replace(/^file\.md$/m, ''), UNTOUCHED);
        assert.notEqual((await run(sandbox, sh('test -e sub/file.md'))).code, 0);
        // The same from a volume that was written without any protection.
        await sandbox.dispose();
        const open = await driver.create(ground.spec({ volumeId: sandbox.volumeId }));
        await run(open, sh(script));
        await open.dispose();
        const again = await create({ volumeId: sandbox.volumeId, protectedPaths: PROTECTED });
        assert.equal((await run(again, sh(SHOW))).stdout, UNTOUCHED);
        assert.notEqual((await run(again, sh('test -e sub/file.md'))).code, 0);
      },
    }),
  ),
  {
    name: 'a change of a protected path fails at once',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create({ protectedPaths: PROTECTED });
      for (const script of [
        'echo x > settings.json',
        'echo x > config/rules.md',
        'echo x > config/new',
        'echo x > .absent/new',
        'rm -f settings.json',
        'mv config other',
        'chmod 777 config',
        'mount -o remount,rw config',
        'umount config',
      ]) {
        assert.notEqual((await run(sandbox, sh(script))).code, 0, script);
      }
    },
  },
  {
    name: 'a protected link of the release is followed within the release only',
    confinedOnly: true,
    async run({ create, ground }) {
      await symlink('config/rules.md', join(ground.release, 'AGENTS.md'));
      await symlink('/etc/passwd', join(ground.release, 'OUT.md'));
      const sandbox = await create({
        protectedPaths: [
          { path: 'AGENTS.md', whenAbsent: 'remove' },
          { path: 'OUT.md', whenAbsent: 'remove' },
        ],
      });
      const { stdout } = await run(sandbox, sh('cat AGENTS.md; ls OUT.md; echo x > AGENTS.md'));
      assert.equal(stdout, 'rules of the release\n');
    },
  },
];
