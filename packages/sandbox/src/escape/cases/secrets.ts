import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Case } from '../../conformance/case.ts';
import { printed, run, sh } from '../../conformance/test-ground.ts';
import { unconfined } from '../probe.ts';

const SECRET = 'sk-secret-of-the-platform';
/** Looks for the secret wherever a process can look. */
const SEARCH = `
cat "$TARGET" /proc/[0-9]*/root"$TARGET" /proc/[0-9]*/cwd/"$TARGET" /proc/self/root/../"$TARGET" 2>/dev/null
for file in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do tr '\\0' '\\n' < $file 2>/dev/null; done
grep -rs "$MARK" /workspace /home /tmp /run /opt /mnt /var /srv /etc /dev/shm 2>/dev/null
true`;

export const secretCases: Case[] = [
  {
    name: 'files of the host are not to be found',
    confinedOnly: true,
    async run(setup) {
      const target = join(setup.ground.home, 'credentials.json');
      await writeFile(target, SECRET, { mode: 0o600 });
      // The mark is not in the environment, or the search would find itself.
      const attack = sh(SEARCH.replace('$MARK', 'secret-of-the-[p]latform'), {
        env: { PATH: '/usr/bin:/bin', TARGET: target },
      });
      const look = sh(`cat ${target}`);
      const control = await unconfined(setup, (sandbox) => run(sandbox, look));
      assert.ok(control.stdout.includes(SECRET), 'control: the file can be read');
      const sandbox = await setup.create();
      assert.ok(!(await run(sandbox, attack)).stdout.includes(SECRET));
      const gone = [
        '/etc/shadow',
        '/root',
        '/boot',
        '/sys',
        '/var',
        '/home/agent/../../root',
        setup.ground.home,
      ];
      const { stdout } = await run(
        sandbox,
        sh(`for f in ${gone.join(' ')}; do [ -e $f ] && echo $f; done; true`),
      );
      assert.equal(stdout, '');
    },
  },
  {
    name: 'environments and arguments of host processes are not to be seen',
    confinedOnly: true,
    async run(setup) {
      const host = spawn('/bin/sleep', ['1000'], { env: { KEY: SECRET }, stdio: 'ignore' });
      try {
        const attack = sh(
          "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n' | grep -c secret-of-the-",
        );
        const control = await unconfined(setup, (sandbox) => run(sandbox, attack));
        assert.ok(Number(control.stdout) > 0, 'control: environments can be read');
        const sandbox = await setup.create();
        assert.equal((await run(sandbox, attack)).stdout, '0\n');
        const inside = await run(sandbox, sh('cat /proc/1/environ; ls -d /proc/[0-9]* | wc -l'));
        assert.ok(Number(inside.stdout) < 12, inside.stdout);
      } finally {
        host.kill('SIGKILL');
      }
    },
  },
  {
    name: 'what starts a sandbox tells nothing of the host, and other variables do not come in',
    confinedOnly: true,
    async run({ create, ground }) {
      process.env.PLANTED_SECRET = SECRET;
      try {
        const sandbox = await create();
        const script =
          "for f in /proc/[0-9]*/cmdline /proc/[0-9]*/environ; do tr '\\0' ' ' < $f; done 2>/dev/null; env";
        const { stdout } = await run(sandbox, sh(script));
        assert.ok(stdout.includes('/run/karta/prepare'), 'control: argument lists can be read');
        assert.ok(!stdout.includes(SECRET) && !stdout.includes(ground.root));
      } finally {
        delete process.env.PLANTED_SECRET;
      }
    },
  },
  {
    name: "another session's files and processes are not to be found",
    confinedOnly: true,
    async run({ create }) {
      const [victim, attacker] = await Promise.all([create(), create()]);
      const hide =
        'echo NEIGHBOUR-DATA > mine; cp mine /home/agent/; cp mine /tmp/; cp mine /dev/shm/; echo up; exec sleep 31415';
      const child = victim.spawn(sh(hide));
      await printed(child, 'up');
      const search = sh(
        "grep -rls NEIGHBOUR[-]DATA /workspace /home /tmp /dev/shm /run /proc/[0-9]*/root/workspace 2>/dev/null; cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -o 'sleep [3]1415'; true",
      );
      const control = await run(victim, search);
      assert.ok(control.stdout.includes('/workspace/mine'), 'control: its owner finds it');
      assert.equal((await run(attacker, search)).stdout, '');
      child.kill('SIGKILL');
    },
  },
  {
    name: 'descriptors of the platform are not inherited',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const { stdout } = await run(sandbox, sh('ls -l /proc/self/fd'));
      const targets = stdout.split('\n').flatMap((line) => line.split(' -> ')[1] ?? []);
      const known = /^(socket:.*|\/dev\/null|\/proc\/\d+\/fd)$/;
      assert.deepEqual(
        targets.filter((target) => !known.test(target)),
        [],
      );
      assert.ok(targets.length >= 4, 'control: descriptors are listed');
    },
  },
];
