import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Case } from '../case.ts';
import { MIB, run, sh } from '../test-ground.ts';

export const streamCases: Case[] = [
  {
    name: 'bytes go through all three streams unchanged',
    async run({ create }) {
      const sandbox = await create();
      const outcome = await run(
        sandbox,
        sh('read x; echo "$x" | tr a-z A-Z; echo "$x" >&2; echo end >&2'),
        'héllo\n',
      );
      assert.equal(outcome.stdout, 'HéLLO\n');
      assert.equal(outcome.stderr, 'héllo\nend\n');
      assert.deepEqual([outcome.code, outcome.signal], [0, null]);
    },
  },
  {
    name: 'a megabyte of every byte value survives the way in and out',
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(sh('cat'));
      const sent = Buffer.alloc(MIB, Buffer.from([...Array(256).keys()]));
      child.stdin.end(sent);
      const received = Buffer.concat(await child.stdout.toArray());
      assert.ok(received.equals(sent));
      await child.exited;
    },
  },
  {
    name: 'a process that nobody reads waits, and goes on when somebody does',
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(sh('head -c 33554432 /dev/zero; echo x > finished'));
      await once(child.stdout, 'readable');
      // Two other processes come and go meanwhile: time enough to write it all.
      for (let round = 0; round < 2; round += 1) {
        assert.equal((await run(sandbox, sh('test -e finished'))).code, 1);
      }
      assert.ok(child.stdout.readableLength <= MIB);
      let count = 0;
      for await (const chunk of child.stdout) count += chunk.length;
      assert.equal(count, 32 * MIB);
      await child.exited;
      assert.equal((await run(sandbox, sh('test -e finished'))).code, 0);
    },
  },
  {
    name: 'writing to a process that does not read is slowed down',
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(sh('read first; exec cat >/dev/null'));
      const chunk = Buffer.alloc(MIB, 'x');
      let accepted = 0;
      while (accepted < 16 && child.stdin.write(chunk)) accepted += 1;
      assert.ok(accepted < 16);
      child.stdin.end('\n');
      assert.equal((await child.exited).code, 0);
    },
  },
  {
    name: 'writing to a process that has ended is no error of the platform',
    async run({ create }) {
      const sandbox = await create();
      const child = sandbox.spawn(sh('exit 3'));
      child.stdout.resume();
      child.stderr.resume();
      assert.equal((await child.exited).code, 3);
      child.stdin.write('too late');
      child.kill();
    },
  },
];
