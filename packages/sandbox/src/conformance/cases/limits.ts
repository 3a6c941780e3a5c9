import assert from 'node:assert/strict';
import type { Violation } from '../../port.ts';
import type { Case } from '../case.ts';
import { eventually, MIB, run, sh } from '../test-ground.ts';

const small = { memoryBytes: 96 * MIB, pids: 24, cpus: 1, diskBytes: 24 * MIB };
/** Takes memory and keeps it, without a runtime of its own. */
const EAT = 'x=$(head -c 300000000 /dev/zero | tr "\\0" x); echo survived';

export const limitCases: Case[] = [
  {
    name: 'memory has an end, which is told once',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create({ limits: small });
      const violations: Violation[] = [];
      sandbox.onViolation((violation) => violations.push(violation));
      const { stdout, signal } = await run(sandbox, sh(EAT));
      assert.equal(stdout, '');
      if (signal === 'SIGKILL')
        assert.deepEqual(
          violations.map(({ limit }) => limit),
          ['memory'],
        );
    },
  },
  {
    name: 'the number of processes has an end',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create({ limits: small });
      const script = 'for i in $(seq 200); do sleep 1000 & done; jobs -p | wc -l';
      const { stdout, code } = await run(sandbox, sh(script));
      assert.ok(code !== 0 || Number(stdout) < 100);
      assert.equal((await run(sandbox, sh('echo fine'))).stdout, 'fine\n');
    },
  },
  {
    name: 'the disk has an end',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create({ limits: small });
      const violations: Violation[] = [];
      sandbox.onViolation((violation) => violations.push(violation));
      const outcome = await run(
        sandbox,
        sh(
          'i=0; while head -c 4000000 /dev/zero > f$i && [ $i -lt 2000 ]; do i=$((i+1)); sleep 0.05; done; echo stopped at $i',
        ),
      );
      if (/stopped at/.test(outcome.stdout)) {
        assert.ok(Number(outcome.stdout.split(' ')[2]) <= 6, outcome.stdout);
      } else {
        assert.equal(outcome.signal, 'SIGKILL');
        assert.deepEqual(
          violations.map(({ limit }) => limit),
          ['disk'],
        );
      }
    },
  },
  {
    name: 'temporary files are bounded',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create({ limits: small });
      for (const folder of ['/tmp', '/dev/shm']) {
        const script = `head -c 300000000 /dev/zero > ${folder}/f; wc -c < ${folder}/f`;
        const { stdout } = await run(sandbox, sh(script));
        assert.ok(Number(stdout) < 100 * MIB, `${folder}: ${stdout}`);
      }
      await eventually(async () => (await run(sandbox, sh('echo fine'))).stdout === 'fine\n');
    },
  },
];
