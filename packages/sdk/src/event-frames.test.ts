import { sseFrame } from '@karta/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { done, eventsOf, text } from '../test/turn-events.ts';
import { ConnectionError } from './errors.ts';
import { eventFrames } from './event-frames.ts';

function bodyOf(bytes: Uint8Array, chunk: number): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (let at = 0; at < bytes.length; at += chunk)
        controller.enqueue(bytes.subarray(at, at + chunk));
      controller.close();
    },
  });
}

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

test('events come out the same however their bytes are chunked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.string({ unit: 'grapheme' }), { maxLength: 10 }),
      fc.integer({ min: 1, max: 50 }),
      async (chunks, size) => {
        const events = eventsOf('turn_a', [...chunks.map(text), done()]);
        const bytes = new TextEncoder().encode(events.map(sseFrame).join(''));
        expect(await collect(eventFrames(bodyOf(bytes, size)))).toEqual(events);
      },
    ),
  );
});

test('an event of a type this version does not know is left out', async () => {
  const frame = 'id: 1\nevent: hologram\ndata: {"type":"hologram","seq":1,"data":{}}\n\n';
  const known = eventsOf('turn_a', [text('a')]);
  const bytes = new TextEncoder().encode(frame + known.map(sseFrame).join(''));
  expect(await collect(eventFrames(bodyOf(bytes, 7)))).toEqual(known);
});

test('silence longer than allowed is a lost connection', async () => {
  const silent = new ReadableStream<Uint8Array>();
  await expect(collect(eventFrames(silent, 5))).rejects.toThrow(ConnectionError);
});

test('an event that is not JSON is a broken connection', async () => {
  const bytes = new TextEncoder().encode('data: {"type":\n\n');
  await expect(collect(eventFrames(bodyOf(bytes, 99)))).rejects.toThrow(ConnectionError);
});
