import { type KartaEvent, LIMITS } from '@karta/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ofTurn } from '../http/turn-answer.ts';
import { startTestDatabase, type TestDatabase } from '../sql/test-database.ts';
import { frameOf } from './frame.ts';
import { collect, summary, TestEngine } from './testing/test-engine.ts';

let db: TestDatabase;
let t: TestEngine;

beforeAll(async () => {
  db = await startTestDatabase();
  t = await TestEngine.start(db.applicationUrl);
});
afterAll(async () => {
  await t?.stop();
  await db?.close();
});

test('a reader that drops and comes back sees each event once, in order', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ deltas: 50 }, { gate: 'reconnect' }, { deltas: 50 }]);
  const seen: KartaEvent[] = [];
  let reconnects = 0;
  for (let done = false; !done; reconnects += 1) {
    const abort = new AbortController();
    const after = seen.at(-1)?.seq ?? accepted.afterSeq;
    let read = 0;
    for await (const event of await t.follow(id, { after, signal: abort.signal })) {
      seen.push(event);
      read += 1;
      if (event.type === 'done') done = true;
      if (seen.length === 51) t.runner.open('reconnect');
      if (done || read === 7) break;
    }
    abort.abort();
  }
  expect(reconnects).toBeGreaterThan(10);
  expect(seen.map((event) => event.seq)).toEqual(seen.map((_, n) => accepted.afterSeq + 1 + n));
  expect(summary(seen).filter((line) => line.startsWith('text'))).toHaveLength(100);
});

test('many readers share one frame for each event', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ deltas: 3 }]);
  const [a, b] = await Promise.all([t.turn(id, accepted), t.turn(id, accepted)]);
  expect(a).toHaveLength(5);
  for (const [n, event] of a.entries()) expect(event).toBe(b[n]);
  const frame = frameOf(a[1] as KartaEvent);
  expect(frame).toBe(frameOf(b[1] as KartaEvent));
  expect(frame).toMatch(/^id: 2\nevent: text\ndata: \{"type":"text","seq":2,.*\}\n\n$/);
});

test('the harness’s own event is for those who ask for it while it comes', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ gate: 'raw' }, { text: 'a', raw: { own: true } }]);
  const until = { turnId: accepted.turnId, at: 'done' as const };
  const reading = [
    t.follow(id, { after: accepted.afterSeq, until, raw: true }).then(collect),
    t.follow(id, { after: accepted.afterSeq, until }).then(collect),
  ] as const;
  await Promise.resolve();
  await expect.poll(() => t.runner.inputs.at(-1)?.turnId).toBe(accepted.turnId);
  t.runner.open('raw');
  const [withRaw, plain] = await Promise.all(reading);
  expect(withRaw.find((event) => event.type === 'text')?.raw).toEqual({ own: true });
  expect(plain.find((event) => event.type === 'text')?.raw).toBeUndefined();
  expect(withRaw.map((event) => event.seq)).toEqual(plain.map((event) => event.seq));
});

test('a harness is asked for its own events while a turn runs and somebody reads them', async () => {
  const { id } = await t.create();
  const asked = t.runner.rawWanted.length;
  const accepted = await t.send(id, [{ gate: 'raw on and off' }]);
  await expect.poll(() => t.runner.inputs.at(-1)?.turnId).toBe(accepted.turnId);
  const gone = [new AbortController(), new AbortController()] as const;
  for (const { signal } of gone) await t.follow(id, { raw: true, signal });
  for (const abort of gone) abort.abort();
  t.runner.open('raw on and off');
  await t.turn(id, accepted);
  await t.follow(id, { raw: true, signal: AbortSignal.abort() });
  expect(t.runner.rawWanted.slice(asked)).toEqual([false, true, false]);
});

test('what has gathered can be taken without waiting, up to where the reader stops', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ deltas: 20 }]);
  await t.turn(id, accepted);
  const until = { turnId: accepted.turnId, at: 'done' as const };
  const whole = await collect(await t.follow(id, { after: accepted.afterSeq, until }));
  const feed = ofTurn(await t.follow(id, { after: accepted.afterSeq, until }), accepted.turnId);
  const iterator = feed[Symbol.asyncIterator]();
  const taken = [(await iterator.next()).value];
  for (let event = feed.ready?.(); event !== undefined; event = feed.ready?.()) taken.push(event);
  expect(taken).toEqual(whole);
  expect((await iterator.next()).done).toBe(true);
  const other = ofTurn(await t.follow(id, { after: accepted.afterSeq, until }), 'turn_other');
  expect(other.ready?.()).toBeUndefined();
});

test('a reader behind what is kept is told the first that is left', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, [{ deltas: LIMITS.replayEvents + 500 }]);
  const slow = (await t.follow(id, { after: accepted.afterSeq }))[Symbol.asyncIterator]();
  expect((await slow.next()).value).toMatchObject({ seq: accepted.afterSeq + 1 });
  await t.turn(id, { ...accepted, afterSeq: await newest(id, accepted.turnId) });
  const expired = { code: 'replay_expired', extra: { first_seq: expect.any(Number) } };
  await expect(slow.next()).rejects.toMatchObject(expired);
  expect((await slow.next()).done).toBe(true);
  await expect(t.follow(id, { after: 0 })).rejects.toMatchObject(expired);
  const first = await t.follow(id, { after: 0 }).catch((error) => error.extra.first_seq);
  const until = { turnId: accepted.turnId, at: 'done' as const };
  const kept = await collect(await t.follow(id, { after: first - 1, until }));
  expect(kept).toHaveLength(LIMITS.replayEvents);
  expect(kept[0]?.seq).toBe(first);
});

test('a place that no event has had yet is refused, not waited for', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, 'hello');
  const last = (await t.turn(id, accepted)).at(-1)?.seq ?? 0;
  const refused = { code: 'validation_failed', message: expect.stringContaining(`seq ${last}.`) };
  await expect(t.follow(id, { after: last + 1 })).rejects.toMatchObject(refused);
  const next = (await t.follow(id, { after: last }))[Symbol.asyncIterator]().next();
  await t.send(id, 'again');
  expect((await next).value).toMatchObject({ seq: last + 1 });
});

test('an abort ends a reader that waits, and a turn that is over ends at once', async () => {
  const { id } = await t.create();
  const accepted = await t.send(id, 'hello');
  const events = await t.turn(id, accepted);
  const abort = new AbortController();
  const last = events.at(-1)?.seq ?? 0;
  const waiting = (await t.follow(id, { after: last, signal: abort.signal }))
    [Symbol.asyncIterator]()
    .next();
  abort.abort();
  expect((await waiting).done).toBe(true);
  expect(await t.turn(id, { ...accepted, afterSeq: last })).toEqual([]);
  expect(await t.turn(id, { turnId: 'turn_unknown', afterSeq: 0 })).toHaveLength(events.length);
});

test('a newcomer is told to those who follow', async () => {
  const { id } = await t.create();
  const abort = new AbortController();
  const events = await t.follow(id, { signal: abort.signal });
  await t.say(id, { text: 'hi', participant_name: 'alice' });
  await t.say(id, { text: 'hi again', participant_name: 'alice' });
  await t.say(id, { text: 'me too', participant_name: 'bot]\n[x', participant_type: 'ai' });
  abort.abort();
  void events;
  const all = await collect(
    await t.follow(id, { after: 0, until: { turnId: 'none', at: 'done' } }),
  );
  expect(all.filter((event) => event.type === 'participant').map((event) => event.data)).toEqual([
    { participant_id: 'alice', change: 'joined', name: 'alice', type: 'human' },
    { participant_id: 'bot]\n[x', change: 'joined', name: 'bot]\n[x', type: 'ai' },
  ]);
  expect(t.runner.inputs.slice(-3).map(({ input }) => input.text)).toEqual([
    'hi',
    'hi again',
    '[bot   x] me too',
  ]);
});

test('sessions that nobody uses leave memory, and their numbers go on without a gap', async () => {
  const brief = await TestEngine.start(db.applicationUrl, { times: { linger: 1_000 } });
  const { id } = await brief.create();
  /** A turn that ends only once somebody reads it: until then it holds the session in memory. */
  const readTurn = async (gate: string) => {
    const accepted = await brief.send(id, [{ gate }, { text: 'hello' }]);
    const until = { turnId: accepted.turnId, at: 'done' as const };
    const events = await brief.follow(id, { after: accepted.afterSeq, until });
    brief.runner.open(gate);
    return { accepted, events: await collect(events) };
  };
  const first = await readTurn('first');
  const last = first.events.at(-1)?.seq ?? 0;
  await expect.poll(() => brief.engine.stats().liveSessions, { timeout: 20_000 }).toBe(0);
  const next = await readTurn('next');
  expect(next.accepted.afterSeq).toBe(last);
  expect(next.events[0]?.seq).toBe(last + 1);
  await expect.poll(() => brief.engine.stats().liveSessions, { timeout: 20_000 }).toBe(0);
  await expect(brief.follow(id, { after: 0 })).rejects.toMatchObject({ code: 'replay_expired' });
  await brief.stop();
});

/** The newest number before the turn's done, once that is out. */
async function newest(id: string, turnId: string): Promise<number> {
  let seq = 0;
  await expect
    .poll(
      async () =>
        (
          await t.database
            .selectFrom('turns')
            .select('state')
            .where('id', '=', turnId)
            .executeTakeFirst()
        )?.state,
      { timeout: 20_000 },
    )
    .toBe('done');
  try {
    await t.follow(id, { after: 0 });
  } catch (error) {
    seq = (error as { extra: { first_seq: number } }).extra.first_seq;
  }
  return seq;
}
