import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type KartaEvent, SSE_HEARTBEAT, sseFrame } from '@karta/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { problem, scriptedServer } from '../test/scripted-server.ts';
import { done, eventsOf, text } from '../test/turn-events.ts';
import { ConnectionError, GoneError } from './errors.ts';
import { Karta } from './karta.ts';

const FAST = { firstMs: 1, maxMs: 2 };

function sse(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
}

/** Sends the frames of `events`, cut off in the middle of byte `cut` when that comes first. */
async function sendCut(
  response: ServerResponse,
  events: readonly KartaEvent[],
  cut: number,
): Promise<void> {
  sse(response);
  const bytes = Buffer.from(events.map((event) => sseFrame(event) + SSE_HEARTBEAT).join(''));
  if (cut >= bytes.length) {
    response.end(bytes);
    return;
  }
  if (cut > 0 && !response.write(bytes.subarray(0, cut))) await once(response, 'drain');
  // The bytes written so far are flushed before the connection is reset.
  response.socket?.end();
}

function afterOf(url: URL, header: string | string[] | undefined): number {
  expect(String(header)).toBe(url.searchParams.get('after'));
  return Number(url.searchParams.get('after'));
}

describe('a stream that loses its connection', () => {
  test('yields each event of the turn once and in order, wherever it is cut', async () => {
    const anyText = fc.string({ unit: 'grapheme', maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyText, { maxLength: 12 }),
        fc.array(fc.nat({ max: 2500 }), { maxLength: 5 }),
        async (chunks, cuts) => {
          const mine = eventsOf('turn_a', [...chunks.map(text), done()], 7);
          const later = eventsOf('turn_b', [text('other'), done()], 7 + mine.length);
          await using server = await scriptedServer((request, response, index) => {
            const cut = cuts[index] ?? Number.POSITIVE_INFINITY;
            if (request.method === 'POST') return sendCut(response, mine, cut);
            const after = afterOf(request.url, request.headers['last-event-id']);
            const rest = [...mine, ...later].filter((event) => event.seq > after);
            return sendCut(response, rest, cut);
          });
          const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST });
          const got: KartaEvent[] = [];
          for await (const event of karta.sessions.open('sess_1').stream('hi')) got.push(event);
          expect(got).toEqual(mine);
          const posts = server.seen.filter((request) => request.method === 'POST');
          expect(new Set(posts.map((post) => post.headers['idempotency-key'])).size).toBe(1);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('passes over the events of other turns in the session', async () => {
    const mine = eventsOf('turn_a', [text('one'), text('two'), done()], 1).map((event, index) => ({
      ...event,
      seq: index * 10 + 1,
    }));
    const other = eventsOf('turn_z', [text('not mine'), done()], 2);
    await using server = await scriptedServer((request, response) => {
      if (request.method === 'POST') return sendCut(response, mine, 250);
      const after = Number(request.headers['last-event-id']);
      const rest = [...mine, ...other].sort((a, b) => a.seq - b.seq);
      return sendCut(
        response,
        rest.filter((event) => event.seq > after),
        Number.POSITIVE_INFINITY,
      );
    });
    const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST });
    const turn = await karta.sessions.open('sess_1').stream('hi').finished();
    expect(turn.text).toBe('onetwo');
    expect(turn.stop_reason).toBe('end_turn');
  });

  test('gives up after the retries allowed without progress', async () => {
    await using server = await scriptedServer((_request, response) => sendCut(response, [], -1));
    const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST, maxRetries: 3 });
    const stream = karta.sessions.open('sess_1').stream('hi');
    await expect(stream.finished()).rejects.toThrow(ConnectionError);
    expect(server.seen).toHaveLength(4);
  });

  test('says so when the events in between are no longer kept', async () => {
    const mine = eventsOf('turn_a', [text('one'), done()], 1);
    await using server = await scriptedServer((request, response) =>
      request.method === 'POST'
        ? sendCut(response, mine, 200)
        : problem(response, 410, 'replay_expired', { first_seq: 99 }),
    );
    const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST });
    const error = await karta.sessions
      .open('sess_1')
      .stream('hi')
      .finished()
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(GoneError);
    expect((error as GoneError).firstSeq).toBe(99);
  });
});

describe('leaving a stream', () => {
  test('closes the connection, and close() ends a read that waits', async () => {
    let closed: Promise<unknown> = Promise.resolve();
    await using server = await scriptedServer((_request, response) => {
      sse(response);
      response.write(
        eventsOf('turn_a', [text('one')])
          .map(sseFrame)
          .join(''),
      );
      closed = once(response, 'close');
    });
    const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST });
    {
      await using stream = karta.sessions.open('sess_1').stream('hi');
      for await (const event of stream) {
        expect(event.type).toBe('text');
        break;
      }
    }
    await closed;
    expect(server.seen).toHaveLength(1);
  });

  test('an aborted signal rejects with its reason, at once', async () => {
    await using server = await scriptedServer((_request, response) => sse(response));
    const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST });
    const abort = new AbortController();
    const reading = karta.sessions.open('sess_1').stream('hi', { signal: abort.signal }).finished();
    while (server.seen.length === 0) await new Promise(setImmediate);
    abort.abort(new Error('enough'));
    await expect(reading).rejects.toThrow('enough');
  });
});

describe('following a session', () => {
  test('goes on across turns and drops, and ends when the session has ended', async () => {
    const all = [
      ...eventsOf('turn_a', [text('a'), done()], 1),
      ...eventsOf('turn_b', [text('b'), done()], 3),
    ];
    await using server = await scriptedServer((request, response, index) => {
      const after = afterOf(request.url, request.headers['last-event-id']);
      if (index === 2) {
        response.writeHead(204).end();
        return;
      }
      return sendCut(
        response,
        all.filter((event) => event.seq > after),
        index === 0 ? 500 : Number.POSITIVE_INFINITY,
      );
    });
    const karta = new Karta({ apiKey: 'k', baseUrl: server.url, backoff: FAST });
    const seqs: number[] = [];
    for await (const event of karta.sessions.open('sess_1').events({ after: 1 })) {
      seqs.push(event.seq);
    }
    expect(seqs).toEqual([2, 3, 4]);
  });
});
