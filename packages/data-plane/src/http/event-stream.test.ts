import { type KartaEvent, SSE_HEARTBEAT } from '@karta/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eventAt } from '../sessions/frame.ts';
import type { EventFeed } from '../sessions/port.ts';
import { eventStream } from './event-stream.ts';
import { OpenStreams } from './open-streams.ts';
import { token } from './testing/test-control.ts';

const HEARTBEAT_MS = 15_000;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function eventOf(seq: number): KartaEvent {
  const place = { seq, sessionId: 'sess_1', turnId: 'turn_1', timestamp: 0 };
  return eventAt(place, { type: 'text', data: { part: { type: 'text', text: `${seq}` } } });
}

/** A source that a test feeds, and which says what was done to it. */
function source() {
  const waiting: ((result: IteratorResult<KartaEvent>) => void)[] = [];
  const ready: KartaEvent[] = [];
  const told = { asked: 0, returned: 0 };
  return {
    told,
    push(event: KartaEvent) {
      const next = waiting.shift();
      if (next) next({ done: false, value: event });
      else ready.push(event);
    },
    take: () => ready.shift(),
    end: () => waiting.shift()?.({ done: true, value: undefined }),
    [Symbol.asyncIterator](): AsyncIterator<KartaEvent> {
      return {
        next() {
          told.asked += 1;
          const value = ready.shift();
          if (value) return Promise.resolve({ done: false, value });
          return new Promise((resolve) => waiting.push(resolve));
        },
        async return() {
          told.returned += 1;
          return { done: true, value: undefined };
        },
      };
    },
  };
}

function open(events: EventFeed) {
  const abort = new AbortController();
  const hooks = { closed: vi.fn(), failed: vi.fn() };
  const stream = eventStream(events, abort, HEARTBEAT_MS, hooks);
  const reader = stream.body.getReader();
  const decoder = new TextDecoder();
  return {
    abort,
    hooks,
    stream,
    reader,
    async text() {
      const { done, value } = await reader.read();
      return done ? null : decoder.decode(value);
    },
  };
}

describe('heartbeats', () => {
  it('come after each silence, and not before', async () => {
    const events = source();
    const { text, reader } = open(events);
    const first = text();
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS - 1);
    events.push(eventOf(1));
    expect(await first).toContain('id: 1');
    const second = text();
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS - 1);
    events.push(eventOf(2));
    expect(await second).toContain('id: 2');
    const third = text();
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS);
    expect(await third).toBe(SSE_HEARTBEAT);
    await reader.cancel();
  });

  it('do not pile up behind a reader that is not reading', async () => {
    const events = source();
    const { text, reader } = open(events);
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS * 20);
    expect(await text()).toBe(SSE_HEARTBEAT);
    const next = text();
    events.push(eventOf(1));
    expect(await next).toContain('id: 1');
    await reader.cancel();
  });

  it('stop with the stream', async () => {
    const { reader } = open(source());
    await reader.cancel();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('a reader', () => {
  it('is read ahead for by one event at most', async () => {
    const events = source();
    for (let seq = 1; seq <= 10; seq += 1) events.push(eventOf(seq));
    const { text, reader } = open(events);
    await vi.advanceTimersByTimeAsync(1);
    expect(events.told.asked).toBe(1);
    await text();
    await vi.advanceTimersByTimeAsync(1);
    expect(events.told.asked).toBe(2);
    await reader.cancel();
  });

  it('gets what has gathered in one write, of bounded size', async () => {
    const events = source();
    const { text, reader } = open({
      [Symbol.asyncIterator]: () => events[Symbol.asyncIterator](),
      ready: events.take,
    });
    for (let seq = 1; seq <= 1_000; seq += 1) events.push(eventOf(seq));
    const first = (await text()) ?? '';
    expect(first).toMatch(/^id: 1\nevent: text\ndata: .*\n\nid: 2\n/);
    expect(first.length).toBeLessThan(17 * 1024);
    let all = first;
    while (!all.includes('id: 1000\n')) all += await text();
    const seqs = [...all.matchAll(/^id: (\d+)$/gm)].map(([, seq]) => Number(seq));
    expect(seqs).toEqual(Array.from({ length: 1_000 }, (_, index) => index + 1));
    await reader.cancel();
  });

  it('that goes away frees the source, once', async () => {
    const events = source();
    const { reader, abort, hooks, stream } = open(events);
    await reader.cancel();
    stream.close();
    expect(abort.signal.aborted).toBe(true);
    expect(events.told.returned).toBe(1);
    expect(hooks.closed).toHaveBeenCalledOnce();
    expect(hooks.failed).not.toHaveBeenCalled();
  });
});

describe('the end', () => {
  it('of the source ends the body', async () => {
    const events = source();
    const { text, hooks } = open(events);
    const last = text();
    await vi.advanceTimersByTimeAsync(1);
    events.end();
    expect(await last).toBeNull();
    expect(hooks.closed).toHaveBeenCalledOnce();
  });

  it('by a failure ends it too, and tells its host only', async () => {
    const failing: AsyncIterable<KartaEvent> = {
      [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('inside')) }),
    };
    const { text, hooks } = open(failing);
    expect(await text()).toBeNull();
    expect(hooks.failed).toHaveBeenCalledOnce();
    expect(hooks.closed).toHaveBeenCalledOnce();
  });

  it('by closing keeps what is on its way', async () => {
    const events = source();
    const { text, stream, hooks, abort } = open(events);
    events.push(eventOf(1));
    await vi.advanceTimersByTimeAsync(1);
    stream.close();
    expect(await text()).toContain('id: 1');
    expect(await text()).toBeNull();
    expect(abort.signal.aborted).toBe(true);
    expect(hooks.closed).toHaveBeenCalledOnce();
    // A source that answers after the end is not listened to.
    events.push(eventOf(2));
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS * 2);
  });
});

describe('open streams', () => {
  it('are closed all at once, and those that come later right away', async () => {
    const streams = new OpenStreams();
    const [one, two, late] = [vi.fn<() => void>(), vi.fn<() => void>(), vi.fn<() => void>()];
    const forget = streams.add(one, token('tok_1', 'ann'));
    streams.add(two, token('tok_2', 'ben'));
    expect(streams.size).toBe(2);
    forget();
    streams.closeAll();
    expect(one).not.toHaveBeenCalled();
    expect(two).toHaveBeenCalledOnce();
    streams.add(late, token('tok_3', 'cid'));
    await Promise.resolve();
    expect(late).toHaveBeenCalledOnce();
  });

  it('are closed for those who are refused by now', () => {
    const streams = new OpenStreams();
    const [ann, ben] = [vi.fn<() => void>(), vi.fn<() => void>()];
    streams.add(ann, token('tok_1', 'ann'));
    streams.add(ben, token('tok_2', 'ben'));
    streams.closeWhere((principal) => principal.id === 'tok_2');
    expect(ann).not.toHaveBeenCalled();
    expect(ben).toHaveBeenCalledOnce();
  });
});
