import { PassThrough, Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ReaderError } from '../reader-port.ts';
import { frames } from './body-frames.ts';
import { lineFront } from './bounded-lines.ts';

const MIB = 1024 * 1024;
const SILENCE_MS = 10_000;

test('lines come out whole, however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string().map((text) => text.replaceAll('\n', ' '))),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      async (lines, sizes) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const pieces: Buffer[] = [];
        for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
          const size = sizes[turn % sizes.length] as number;
          pieces.push(bytes.subarray(at, at + size));
          at += size;
        }
        const front = lineFront(Readable.from(pieces), 10_000, SILENCE_MS);
        for (const line of lines) expect(String(await front.next())).toBe(line);
        expect(await front.next()).toBeNull();
      },
    ),
  );
});

test('what follows a line is left as it is', async () => {
  const front = lineFront(
    Readable.from([Buffer.from('head\nbo'), Buffer.from('dy\n')]),
    100,
    SILENCE_MS,
  );
  expect(String(await front.next())).toBe('head');
  const rest: Buffer[] = [];
  for await (const chunk of front.rest()) rest.push(chunk);
  expect(Buffer.concat(rest).toString()).toBe('body\n');
});

test('a line without end is refused before it is held', async () => {
  let given = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) {
        given += 1;
        yield Buffer.alloc(MIB, 'x');
      }
    })(),
  );
  await expect(lineFront(endless, 2 * MIB, SILENCE_MS).next()).rejects.toBeInstanceOf(ReaderError);
  expect(given).toBeLessThan(25);
  endless.destroy();
});

test('a body is framed piece by piece and ended', async () => {
  const out: Buffer[] = [];
  for await (const piece of frames(Readable.from(['ab', '', 'c']))) out.push(piece);
  expect(Buffer.concat(out)).toEqual(Buffer.from('\0\0\0\x02ab\0\0\0\x01c\0\0\0\0', 'latin1'));
});

test('a source that falls silent is given up, a taker that is slow is not', async () => {
  const silence = 100;
  const source = new PassThrough();
  const front = lineFront(source, 100, silence);
  source.write('one\ntwo\n');
  expect(String(await front.next())).toBe('one');
  await delay(2 * silence);
  expect(String(await front.next())).toBe('two');
  await expect(front.next()).rejects.toMatchObject({ code: 'failed' });
  source.destroy();
});
