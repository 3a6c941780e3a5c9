import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import type { Case } from '../../conformance/case.ts';
import { echoInside, reachable } from '../../conformance/cases/ports.ts';
import { eventually, MIB, printed, run, sh } from '../../conformance/test-ground.ts';

const small = { memoryBytes: 96 * MIB, pids: 32, cpus: 0.5, diskBytes: 32 * MIB };
/** Each tries to take all of something, for ever. */
const STORMS: Readonly<Record<string, string>> = {
  processes: 'bomb() { bomb | bomb & }; bomb; while :; do bomb; done 2>/dev/null',
  processor: 'for i in 1 2 3 4 5 6 7 8; do while :; do :; done & done; wait',
  memory: 'while :; do x=$(head -c 300000000 /dev/zero | tr "\\0" x); done 2>/dev/null',
  'temporary files':
    'while :; do cat /dev/zero > /tmp/f; cat /dev/zero > /dev/shm/f; done 2>/dev/null',
  disk: 'while :; do cat /dev/zero > f$$; rm -f f$$; done 2>/dev/null',
};
const ROUNDS = 60;
/**
 * How many times slower than in its own quiet run a neighbour's median answer may be. Machines that
 * run tests have two busy cores, so this catches a neighbour that waits, not one that shares.
 */
const SLOWER = 200;

async function medianRoundTrip(connection: Duplex): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = performance.now();
    const answer = once(connection, 'data');
    connection.write('x');
    await answer;
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[ROUNDS / 2] as number;
}

async function hostProcessesWith(mark: string): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.filter((line) => line.includes(mark)).length;
}

export const exhaustionCases: Case[] = [
  ...Object.entries(STORMS).map(
    ([what, script]): Case => ({
      name: `a storm of ${what} does not stop a neighbour, and can be ended`,
      confinedOnly: true,
      async run({ create }) {
        const neighbour = await create({ listens: ['echo'] });
        echoInside(neighbour, 'echo');
        await reachable(neighbour, 'echo');
        const connection = await neighbour.dial('echo');
        connection.on('error', () => connection.destroy());
        const quiet = await medianRoundTrip(connection);
        const attacker = await create({ limits: small });
        const storm = attacker.spawn(sh(`echo raging; ${script}`));
        storm.stderr.resume();
        await printed(storm, 'raging');
        const loud = await medianRoundTrip(connection);
        connection.destroy();
        assert.ok(loud <= quiet * SLOWER, `${quiet} ms quiet, ${loud} ms in the storm`);
        assert.equal((await run(neighbour, sh('echo fine'))).stdout, 'fine\n');
        await attacker.dispose();
      },
    }),
  ),
  {
    name: 'nothing outlives the sandbox, however it hides',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const seconds = `${Math.floor(Math.random() * 1e9)}.5`;
      const script = `
        trap '' TERM HUP INT QUIT
        (setsid sh -c "trap '' TERM HUP; (setsid sleep ${seconds} &) ; sleep ${seconds}" &)
        sleep ${seconds} & echo up; while :; do sleep ${seconds}; done`;
      const child = sandbox.spawn(sh(script));
      await printed(child, 'up');
      await eventually(async () => (await hostProcessesWith(`sleep\0${seconds}`)) >= 3);
      await sandbox.dispose();
      assert.equal(await hostProcessesWith(seconds), 0);
    },
  },
  {
    name: 'gigabytes that nobody reads stay inside',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(sh('yes & yes >&2 & yes; wait'));
      await Promise.all([once(child.stdout, 'readable'), once(child.stderr, 'readable')]);
      const before = process.memoryUsage.rss();
      for (let round = 0; round < 3; round += 1) await run(sandbox, sh('true'));
      assert.ok(process.memoryUsage.rss() - before < 64 * MIB);
      assert.ok(child.stdout.readableLength < MIB && child.stderr.readableLength < MIB);
      let count = 0;
      for await (const chunk of child.stdout) {
        count += chunk.length;
        if (count > 64 * MIB) break;
      }
      assert.ok(count > 64 * MIB, 'control: it would have been much');
      child.kill('SIGKILL');
    },
  },
];
