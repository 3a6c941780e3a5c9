import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type { Case } from '../../conformance/case.ts';
import { run, sh, text } from '../../conformance/test-ground.ts';
import type { Sandbox } from '../../port.ts';
import { createReader } from '../../reader/reader.ts';
import { ReaderError } from '../../reader-port.ts';
import { nodeCommand, unconfined } from '../probe.ts';

/** Ways to plant something at `$p` that is not what it seems. */
const PLANTS: Readonly<Record<string, string>> = {
  'link to a file of the host': 'ln -s /etc/passwd $p',
  'link to the root': 'ln -s / $p',
  'link to itself': 'ln -s $p $p',
  'link to the memory of the reader': 'ln -s /proc/self/environ $p',
  fifo: 'mkfifo $p',
  'folder without rights': 'mkdir -p $p/x; chmod 0 $p',
  'file without rights': 'echo x > $p; chmod 0 $p',
  'hard link': 'echo x > $p.1; ln $p.1 $p',
  'huge sparse file': 'truncate -s 20M $p',
};
const PROTECTED = ['rules', 'deep/er/rules', 'settings'];
/** Of one sandbox: each makes the places of the platform's files anew where something else is. */
const STARTS_AT_ONCE = 12;

/** Every operation of the reader on a path: each must answer, with content of the sandbox or an error. */
async function operateOn(sandbox: Sandbox, path: string): Promise<string> {
  const reader = createReader(sandbox);
  const results = await Promise.allSettled([
    reader.read(path).then(({ body }) => text(body)),
    reader.readHome(path).then(text),
    reader.queryHome(path, 'select 1 as one', []).then(text),
    reader.list({ prefix: path }).then((list) => JSON.stringify(list)),
    reader.write(path, Readable.from(['mine']), 10).then(() => ''),
    reader.remove(path).then(() => ''),
  ]);
  let seen = '';
  for (const result of results) {
    if (result.status === 'fulfilled') seen += result.value;
    else assert.ok(result.reason instanceof ReaderError, String(result.reason));
  }
  return seen;
}

export const plantedCases: Case[] = [
  ...Object.entries(PLANTS).map(
    ([what, plant]): Case => ({
      name: `planted where the platform looks: ${what}`,
      confinedOnly: true,
      async run({ create, driver, ground }) {
        const first = await create({ volumeId: 'vol_planted' });
        const spots = [
          '/workspace/spot',
          '/home/agent/spot',
          ...PROTECTED.map((path) => `/workspace/${path}`),
        ];
        const script = `mkdir -p /workspace/deep; ln -s /tmp /workspace/deep/er; for p in ${spots.join(' ')}; do ${plant}; done`;
        await run(first, sh(script));
        const there = await run(
          first,
          sh('[ -e /workspace/spot ] || [ -L /workspace/spot ] && echo there'),
        );
        assert.equal(there.stdout, 'there\n', 'control: it was planted');
        const seen = await operateOn(first, 'spot');
        assert.ok(!seen.includes('root:') && !seen.includes('PATH='), seen);
        await first.dispose();
        const second = await create({
          volumeId: 'vol_planted',
          protectedPaths: PROTECTED.map((path) => ({ path, whenAbsent: 'directory' })),
          files: [{ target: '/home/agent/spot', content: 'of the platform' }],
        });
        const { stdout, stderr } = await run(
          second,
          sh('cat /home/agent/spot; ls -A rules deep/er/rules settings'),
        );
        assert.equal(stdout, 'of the platform' + 'deep/er/rules:\n\nrules:\n\nsettings:\n', stderr);
        await second.dispose();
        await driver.destroyVolume('vol_planted');
        const original = await readFile(join(ground.release, 'hello.txt'), 'utf8');
        assert.equal(original, 'hello from the release\n');
      },
    }),
  ),
  {
    name: 'a link planted where the platform looks uncovers nothing, however many processes start at once',
    confinedOnly: true,
    async run({ create, driver }) {
      for (const round of [1, 2, 3]) {
        const volumeId = `vol_planted_${round}`;
        const first = await create({ volumeId });
        await run(first, sh('for p in /home/agent/spot /workspace/rules; do ln -s $p $p; done'));
        await first.dispose();
        const second = await create({
          volumeId,
          protectedPaths: [{ path: 'rules', whenAbsent: 'directory' }],
          files: [{ target: '/home/agent/spot', content: 'of the platform' }],
        });
        const look = sh('sleep 0.3; cat /home/agent/spot; touch rules/mine || echo " alone"');
        const seen = await Promise.all(
          Array.from({ length: STARTS_AT_ONCE }, () => run(second, look)),
        );
        for (const { stdout } of seen) assert.equal(stdout, 'of the platform alone\n');
        await second.dispose();
        await driver.destroyVolume(volumeId);
      }
    },
  },
  {
    name: 'sockets and devices planted among the files are named, not opened',
    confinedOnly: true,
    async run(setup) {
      const sandbox = await setup.create();
      const device = sh('mknod d c 1 3 && echo made');
      if (process.getuid?.() === 0) {
        const control = await unconfined(setup, (open) => run(open, device));
        assert.equal(control.stdout, 'made\n', 'control: a device can be made');
      }
      assert.equal((await run(sandbox, device)).stdout, '');
      const script =
        "require('node:net').createServer().listen('/workspace/sock', () => process.kill(process.pid, 'SIGKILL'))";
      await run(sandbox, nodeCommand(sandbox, script));
      const reader = createReader(sandbox);
      const [file] = (await reader.list({ prefix: 'sock' })).files;
      assert.equal(file?.kind, 'other');
      await assert.rejects(reader.read('sock'), ReaderError);
    },
  },
  {
    name: 'odd names, deep folders and many files are listed within bounds',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const script = `
        const fs = require('node:fs');
        fs.writeFileSync(Buffer.from([0x62, 0xff, 0xfe]), 'x');
        fs.writeFileSync('new\\nline', 'x');
        fs.writeFileSync('quote"\\u202e', 'x');
        let deep = 'deep';
        for (let i = 0; i < 150; i++) { fs.mkdirSync(deep); deep += '/d'; }
        fs.mkdirSync('many');
        for (let i = 0; i < 3000; i++) fs.writeFileSync('many/' + i, '');
      `;
      assert.equal((await run(sandbox, nodeCommand(sandbox, script))).code, 0);
      const list = await createReader(sandbox).list({ limit: 500 });
      assert.deepEqual([list.files.length, list.truncated], [500, true]);
      assert.equal((await createReader(sandbox).list({ prefix: 'new\n' })).files.length, 1);
      assert.equal((await createReader(sandbox).list({ prefix: 'deep/' })).truncated, true);
    },
  },
  {
    name: 'a database with planted companions answers or fails, and never hangs',
    confinedOnly: true,
    async run({ create }) {
      const sandbox = await create();
      const make =
        "const { DatabaseSync } = require('node:sqlite'); new DatabaseSync('/home/agent/a.db').exec('pragma journal_mode=wal; create table t(x); insert into t values(1)');";
      await run(sandbox, nodeCommand(sandbox, make));
      const ask = () => createReader(sandbox).queryHome('a.db', 'select x from t', []).then(text);
      assert.equal(await ask(), '{"x":1}\n', 'control: it can be queried');
      for (const plant of [
        'mkfifo a.db-wal',
        'ln -s /etc/passwd a.db-shm',
        'mkdir a.db-wal a.db-journal',
        'head -c 100000 /dev/urandom > a.db',
      ]) {
        await run(sandbox, sh(`rm -rf a.db-*; ${plant}`, { cwd: '/home/agent' }));
        await ask().catch((error) => assert.ok(error instanceof ReaderError));
      }
      const endless =
        'with recursive c(x) as (select 1 union all select x + 1 from c) select x from c';
      const stream = await createReader(sandbox)
        .queryHome('b.db', endless, [])
        .catch(() => null);
      stream?.destroy();
    },
  },
];
