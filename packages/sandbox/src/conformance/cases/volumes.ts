import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SandboxError } from '../../port.ts';
import type { Case } from '../case.ts';
import { eventually, printed, run, sh } from '../test-ground.ts';

const busy = (error: unknown) => error instanceof SandboxError && error.code === 'busy';

export const volumeCases: Case[] = [
  {
    name: 'the workspace holds the release, writable, and the release stays as it is',
    async run({ create, ground }) {
      const sandbox = await create();
      await run(
        sandbox,
        sh('echo more >> hello.txt; rm -r config; mkdir new; ln -s hello.txt link'),
      );
      const { stdout } = await run(sandbox, sh('ls; cat hello.txt'));
      assert.equal(stdout, 'hello.txt\nlink\nnew\nsettings.json\nhello from the release\nmore\n');
      const original = await readFile(join(ground.release, 'hello.txt'), 'utf8');
      assert.equal(original, 'hello from the release\n');
    },
  },
  {
    name: 'a volume outlives its sandbox, and serves one at a time',
    async run({ create, driver }) {
      const first = await create({ volumeId: 'vol_kept' });
      await run(
        first,
        sh('echo kept > note; echo home > "$HOME"/note', {
          env: { HOME: first.place('/home/agent') },
        }),
      );
      await assert.rejects(create({ volumeId: 'vol_kept' }), busy);
      await assert.rejects(driver.destroyVolume('vol_kept'), busy);
      await first.dispose();
      const second = await create({ volumeId: 'vol_kept' });
      const { stdout } = await run(second, sh(`cat note ${second.place('/home/agent')}/note`));
      assert.equal(stdout, 'kept\nhome\n');
      assert.deepEqual(await driver.volumes(), ['vol_kept']);
    },
  },
  {
    name: 'a destroyed volume is gone, and destroying again is fine',
    async run({ create, driver }) {
      const sandbox = await create({ volumeId: 'vol_gone' });
      await run(
        sandbox,
        sh('mkdir -p deep/er; chmod 0 deep/er; chmod 0 deep; echo x > f; chmod 0 f'),
      );
      await sandbox.dispose();
      await driver.destroyVolume('vol_gone');
      await driver.destroyVolume('vol_gone');
      assert.deepEqual(await driver.volumes(), []);
      const again = await create({ volumeId: 'vol_gone' });
      assert.equal((await run(again, sh('ls'))).stdout, 'config\nhello.txt\nsettings.json\n');
    },
  },
  {
    name: 'dispose ends every process, is idempotent, and closes the sandbox',
    async run({ create }) {
      const sandbox = await create();
      const script = 'trap "" TERM INT HUP; sleep 1000 & echo up; while :; do sleep 1000; done';
      const children = [1, 2].map(() => sandbox.spawn(sh(script)));
      for (const child of children) await printed(child, 'up');
      await Promise.all([sandbox.dispose(), sandbox.dispose()]);
      for (const child of children) assert.equal((await child.exited).signal, 'SIGKILL');
      assert.throws(
        () => sandbox.spawn(sh('true')),
        (error) => error instanceof SandboxError && error.code === 'disposed',
      );
    },
  },
  {
    name: 'stats show what runs',
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(sh('head -c 3000000 /dev/zero > big; sync; echo up; read x'));
      await printed(child, 'up');
      await eventually(async () => {
        const { memoryBytes, pids, diskBytes } = await sandbox.stats();
        return memoryBytes > 0 && pids > 0 && diskBytes > 3_000_000;
      });
      child.stdin.end();
      child.stderr.resume();
      await child.exited;
    },
  },
  {
    name: 'tools and files are where the spec wants them',
    async run({ create, ground, confined }) {
      const sandbox = await create({
        tools: [{ source: join(ground.release, 'hello.txt'), target: '/opt/tools/hello' }],
        files: [
          { target: '/etc/app/managed.json', content: '{"a":1}' },
          { target: '/home/agent/.config/app/rules.json', content: '{"b":2}' },
        ],
      });
      const places = [
        '/opt/tools/hello',
        '/etc/app/managed.json',
        '/home/agent/.config/app/rules.json',
      ];
      const outcome = await run(sandbox, sh(`cat ${places.map(sandbox.place).join(' ')}`));
      assert.equal(outcome.stderr, '');
      assert.equal(outcome.stdout, 'hello from the release\n{"a":1}{"b":2}');
      if (!confined) return;
      for (const place of places) {
        assert.notEqual((await run(sandbox, sh(`echo x > ${place}`))).code, 0);
        assert.notEqual((await run(sandbox, sh(`rm -f ${place}`))).code, 0);
      }
    },
  },
  {
    name: 'a spec that cannot hold is refused',
    async run({ create }) {
      const bad = [
        { id: '../x' },
        { volumeId: 'a/b' },
        { protectedPaths: [{ path: '../out', whenAbsent: 'remove' as const }] },
        { protectedPaths: [{ path: '/abs', whenAbsent: 'remove' as const }] },
        { files: [{ target: '/workspace/x', content: '' }] },
        { files: [{ target: '/etc/../proc/x', content: '' }] },
        { listens: ['a', 'a'] },
      ];
      for (const overrides of bad) {
        await assert.rejects(
          create(overrides),
          (error) => error instanceof SandboxError && error.code === 'invalid_spec',
        );
      }
    },
  },
];
