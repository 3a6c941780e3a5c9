import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { SandboxError } from '../../port.ts';
import type { Case } from '../case.ts';
import { PATH_ENV, printed, run, sh } from '../test-ground.ts';

/** Sandboxes that are disposed of, each at another moment of what starts in it. */
const BEGINNINGS = 6;

export const processCases: Case[] = [
  {
    name: 'what has only begun to start ends with its sandbox',
    async run({ create, ground }) {
      const nap = `${20_000 + (process.pid % 1000)}.${process.pid}`;
      for (let after = 0; after < BEGINNINGS; after += 1) {
        const sandbox = await create();
        const child = sandbox.spawn(sh(`exec sleep ${nap}`));
        for (let turn = 0; turn < after; turn += 1) await readdir(ground.root);
        await Promise.all([sandbox.dispose(), child.exited]);
      }
      assert.equal(await running(`sleep\0${nap}\0`), 0);
    },
  },
  {
    name: 'exit codes and deaths by signal are told apart',
    async run({ create }) {
      const sandbox = await create();
      assert.deepEqual((await run(sandbox, sh('exit 7'))).code, 7);
      const killed = await run(sandbox, sh('kill -TERM $$'));
      assert.deepEqual([killed.code, killed.signal], [null, 'SIGTERM']);
    },
  },
  {
    name: 'a program that does not exist ends with 127',
    async run({ create }) {
      const sandbox = await create();
      const outcome = await run(sandbox, { argv: ['/no/such/program'], env: {} });
      assert.equal(outcome.code, 127);
    },
  },
  {
    name: 'the environment is exactly what was given',
    async run({ create }) {
      const sandbox = await create();
      const env = { ONE: '1', SPACED: 'a b\n"c" $d', EMPTY: '', PATH: '/usr/bin:/bin' };
      const outcome = await run(sandbox, { argv: ['/usr/bin/env', '-0'], env });
      const seen = outcome.stdout.split('\0').filter(Boolean).sort();
      assert.deepEqual(
        seen,
        Object.entries(env)
          .map(([name, value]) => `${name}=${value}`)
          .sort(),
      );
    },
  },
  {
    name: 'arguments arrive as they are',
    async run({ create }) {
      const sandbox = await create();
      const argv = [
        '/usr/bin/printf',
        '%s|',
        '',
        'a b',
        '$HOME',
        '--',
        '-x',
        "it's",
        'ü\n',
      ] as const;
      const outcome = await run(sandbox, { argv: [...argv] as [string, ...string[]], env: {} });
      assert.equal(outcome.stdout, `${argv.slice(2).join('|')}|`);
    },
  },
  {
    name: 'the folder is the workspace, or the one that is named',
    async run({ create }) {
      const sandbox = await create();
      assert.equal((await run(sandbox, sh('pwd'))).stdout, `${sandbox.place('/workspace')}\n`);
      const home = await run(sandbox, sh('pwd', { cwd: '/home/agent' }));
      assert.equal(home.stdout, `${sandbox.place('/home/agent')}\n`);
    },
  },
  {
    name: 'SIGTERM reaches the process itself, which may clean up',
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(
        sh('trap "echo cleaned; exit 4" TERM; echo up; while :; do read x; done'),
      );
      await printed(child, 'up');
      child.kill('SIGTERM');
      await printed(child, 'cleaned');
      child.stdout.resume();
      child.stderr.resume();
      assert.equal((await child.exited).code, 4);
    },
  },
  {
    name: 'SIGKILL ends a process that ignores all else, and its children',
    async run({ create }) {
      const sandbox = await create();
      const script = 'trap "" TERM INT HUP; echo up; while :; do sleep 1000; done';
      const child = sandbox.spawn(sh(script));
      await printed(child, 'up');
      child.kill('SIGTERM');
      child.kill('SIGKILL');
      child.stdout.resume();
      child.stderr.resume();
      assert.equal((await child.exited).signal, 'SIGKILL');
    },
  },
  {
    name: 'children end with the process that started them',
    async run({ create }) {
      const sandbox = await create();
      const outcome = await run(sandbox, sh('sleep 1000 & echo started'));
      assert.deepEqual([outcome.stdout, outcome.code], ['started\n', 0]);
    },
  },
  {
    name: 'many processes run at once',
    async run({ create }) {
      const sandbox = await create();
      const numbers = [...Array(6).keys()];
      const outcomes = await Promise.all(numbers.map((at) => run(sandbox, sh(`echo ${at}`))));
      assert.deepEqual(
        outcomes.map(({ stdout }) => stdout),
        numbers.map((at) => `${at}\n`),
      );
    },
  },
  {
    name: 'a command that would not arrive as written is refused',
    async run({ create }) {
      const sandbox = await create();
      const bad = [
        { argv: ['a=b'], env: {} },
        { argv: ['/bin/true', 'nul\0'], env: {} },
        { argv: ['/bin/true'], env: { 'BAD NAME': 'x' } },
        { argv: ['/bin/true'], env: PATH_ENV, listens: ['nothing'] },
      ] as const;
      for (const command of bad) {
        assert.throws(
          () => sandbox.spawn({ ...command, argv: [...command.argv] as [string, ...string[]] }),
          (error) => error instanceof SandboxError && error.code === 'invalid_spec',
        );
      }
    },
  },
];

/** Processes of this machine with exactly these arguments. */
async function running(line: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((found) => found === line).length;
}
