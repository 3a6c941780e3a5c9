import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { createReader } from '../../reader/reader.ts';
import { NODE_INSIDE } from '../../reader/tools.ts';
import { ReaderError, type ReaderErrorCode } from '../../reader-port.ts';
import type { Case } from '../case.ts';
import { MIB, printed, run, sh, text } from '../test-ground.ts';

const fails = (code: ReaderErrorCode) => (error: unknown) =>
  error instanceof ReaderError && error.code === code;

function* zeros(mebibytes: number): Generator<Buffer> {
  for (let at = 0; at < mebibytes; at += 1) yield Buffer.alloc(MIB);
}

/** A harness that writes its database with a journal of its own, and lives on. */
const WRITER = `
const { DatabaseSync } = require('node:sqlite');
const db = new DatabaseSync(process.argv[1]);
db.exec('pragma journal_mode=wal; create table message(id text, n integer, body text)');
const add = db.prepare('insert into message values(?,?,?)');
for (let i = 0; i < 3; i++) add.run('m' + i, i * 2 ** 40, 'körper ' + i);
console.log('written');
setInterval(() => {}, 1000);
`;

export const readingCases: Case[] = [
  {
    name: 'the reader lists files in order, by prefix and up to a limit',
    async run({ create }) {
      const sandbox = await create();
      const reader = createReader(sandbox);
      await run(
        sandbox,
        sh('mkdir -p a/b; echo 1 > a/b/c; echo 2 > a.txt; echo 3 > a/z; rm settings.json'),
      );
      const all = await reader.list();
      assert.deepEqual(
        all.files.map(({ path, size, kind }) => [path, size, kind]),
        [
          ['a.txt', 2, 'file'],
          ['a/b/c', 2, 'file'],
          ['a/z', 2, 'file'],
          ['config/rules.md', 21, 'file'],
          ['hello.txt', 23, 'file'],
        ],
      );
      assert.equal(all.truncated, false);
      const some = await reader.list({ prefix: 'a/', limit: 1 });
      assert.deepEqual([some.files.map(({ path }) => path), some.truncated], [['a/b/c'], true]);
      assert.deepEqual((await reader.list({ prefix: 'nothing' })).files, []);
    },
  },
  {
    name: 'the reader writes, reads and removes, making folders on the way',
    async run({ create }) {
      const reader = createReader(await create());
      const { size } = await reader.write('new/deep/f.txt', Readable.from(['héllo']), 100);
      assert.equal(size, 6);
      const file = await reader.read('new/deep/f.txt');
      assert.deepEqual([file.size, await text(file.body)], [6, 'héllo']);
      await reader.write('new/deep/f.txt', Readable.from([]), 100);
      assert.equal((await reader.read('new/deep/f.txt')).size, 0);
      await reader.remove('new/deep/f.txt');
      await assert.rejects(reader.read('new/deep/f.txt'), fails('not_found'));
    },
  },
  {
    name: 'a file of 100 MB goes in and out with bounded memory',
    async run({ create }) {
      const reader = createReader(
        await create({
          limits: { memoryBytes: 512 * MIB, pids: 64, cpus: 2, diskBytes: 160 * MIB },
        }),
      );
      const size = 100 * MIB;
      assert.equal((await reader.write('big', Readable.from(zeros(100)), size)).size, size);
      const hash = createHash('sha256');
      let most = 0;
      const { body } = await reader.read('big');
      for await (const chunk of body) {
        hash.update(chunk);
        most = Math.max(most, body.readableLength);
      }
      const wanted = createHash('sha256');
      for (const chunk of zeros(100)) wanted.update(chunk);
      assert.equal(hash.digest('hex'), wanted.digest('hex'));
      assert.ok(most < MIB);
    },
  },
  {
    name: 'a reading that is given up ends its process',
    async run({ create }) {
      const sandbox = await create();
      const reader = createReader(sandbox);
      await run(sandbox, sh('head -c 50000000 /dev/zero > big'));
      const { body } = await reader.read('big');
      for await (const _ of body) break;
      assert.ok(body.destroyed);
      assert.equal((await reader.read('hello.txt')).size, 23);
    },
  },
  {
    name: 'a body over its limit is refused and leaves nothing',
    async run({ create }) {
      const reader = createReader(await create());
      await assert.rejects(reader.write('f', Readable.from(zeros(3)), 2 * MIB), fails('too_large'));
      assert.deepEqual((await reader.list({ prefix: 'f' })).files, []);
      assert.ok(!(await reader.list()).files.some(({ path }) => path.includes('.write-')));
    },
  },
  {
    name: 'a body may be slower than an answer, as long as it goes on',
    async run({ create }) {
      const patience = { answerMs: 1_500, silenceMs: 1_500 };
      const reader = createReader(await create(), patience);
      let stalls = false;
      const slow = async function* () {
        for (const word of ['one ', 'two ', 'three ', 'four']) {
          await delay(stalls ? 4_000 : 600);
          yield word;
        }
      };
      assert.equal((await reader.write('slow.txt', Readable.from(slow()), 100)).size, 18);
      assert.equal(await text((await reader.read('slow.txt')).body), 'one two three four');
      stalls = true;
      await assert.rejects(reader.write('slow.txt', Readable.from(slow()), 100), fails('failed'));
      assert.equal(await text((await reader.read('slow.txt')).body), 'one two three four');
    },
  },
  {
    name: 'a body that breaks off leaves the old file',
    async run({ create }) {
      const reader = createReader(await create());
      const broken = Readable.from(
        (async function* () {
          yield 'half';
          throw new Error('the client has gone');
        })(),
      );
      await assert.rejects(reader.write('hello.txt', broken, 100));
      assert.equal(await text((await reader.read('hello.txt')).body), 'hello from the release\n');
    },
  },
  {
    name: 'a full disk is told',
    confinedOnly: true,
    async run({ create }) {
      const reader = createReader(await create());
      await assert.rejects(
        reader.write('f', Readable.from(zeros(100)), 200 * MIB),
        fails('disk_full'),
      );
      assert.equal((await reader.read('hello.txt')).size, 23);
    },
  },
  {
    name: 'paths that lead out, and things that are no files, are refused',
    async run({ create }) {
      const sandbox = await create();
      const reader = createReader(sandbox);
      await run(
        sandbox,
        sh(
          'ln -s /etc/passwd link; ln -s / root; ln -s . here; mkfifo fifo; mkdir folder; ln -s nowhere dangling',
        ),
      );
      for (const path of [
        '../x',
        '/etc/passwd',
        'a/../../x',
        '',
        '.',
        'config//rules.md',
        './hello.txt',
        'root/etc/passwd',
        'here/hello.txt',
      ]) {
        await assert.rejects(reader.read(path), fails('outside'), path);
      }
      for (const path of ['link', 'fifo', 'folder', 'dangling']) {
        await assert.rejects(reader.read(path), fails('not_a_file'), path);
      }
      await assert.rejects(reader.read('hello.txt/x'), fails('not_found'));
      await assert.rejects(reader.read('a'.repeat(5000)), fails('not_found'));
      await assert.rejects(reader.write('root/tmp/x', Readable.from(['x']), 10), fails('outside'));
      await assert.rejects(reader.write('folder', Readable.from(['x']), 10), fails('not_a_file'));
      await assert.rejects(reader.remove('folder'), fails('not_a_file'));
      await reader.write('link', Readable.from(['replaced']), 10);
      assert.equal(await text((await reader.read('link')).body), 'replaced');
      const kinds = (await reader.list()).files.map(({ path, kind }) => `${path} ${kind}`);
      assert.ok(kinds.includes('root link') && kinds.includes('fifo other'));
    },
  },
  {
    name: 'protected paths cannot be written through the reader',
    async run({ create }) {
      const reader = createReader(
        await create({
          protectedPaths: [
            { path: 'config', whenAbsent: 'directory' },
            { path: 'settings.json', whenAbsent: 'remove' },
            { path: 'absent.json', whenAbsent: 'remove' },
          ],
        }),
      );
      for (const path of [
        'config/rules.md',
        'config/new',
        'config',
        'settings.json',
        'absent.json',
      ]) {
        await assert.rejects(
          reader.write(path, Readable.from(['x']), 10),
          fails('read_only'),
          path,
        );
        await assert.rejects(reader.remove(path), fails('read_only'), path);
      }
    },
  },
  {
    name: 'a live database is queried with what is still in its journal',
    async run({ create }) {
      const sandbox = await create();
      const reader = createReader(sandbox);
      const database = sandbox.place('/home/agent/store.db');
      const writer = sandbox.spawn({
        argv: [sandbox.place(NODE_INSIDE), '-e', WRITER, database],
        env: {},
      });
      writer.stderr.resume();
      await printed(writer, 'written');
      const sql = 'select * from message where id <> ? order by id';
      const rows = (await text(await reader.queryHome('store.db', sql, ['m0']))).trim().split('\n');
      assert.deepEqual(
        rows.map((row) => JSON.parse(row)),
        [
          { id: 'm1', n: 2 ** 40, body: 'körper 1' },
          { id: 'm2', n: 2 ** 41, body: 'körper 2' },
        ],
      );
      await assert.rejects(
        reader.queryHome('store.db', 'delete from message', []).then(text),
        fails('failed'),
      );
      await assert.rejects(reader.queryHome('absent.db', 'select 1', []), fails('not_found'));
      await run(
        sandbox,
        sh('echo "some text" > "$1"/log.jsonl', {
          argv: [
            '/bin/sh',
            '-c',
            'echo "some text" > "$0"/log.jsonl',
            sandbox.place('/home/agent'),
          ],
        }),
      );
      assert.equal(await text(await reader.readHome('log.jsonl')), 'some text\n');
    },
  },
];
