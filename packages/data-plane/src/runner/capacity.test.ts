import { KartaError } from '@karta/protocol';
import { expect, test } from 'vitest';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';

const TOML = '[sandbox]\nmemory_mb = 1200\n';
const MB = 1024 * 1024;

test('an idle session makes room, a busy one is waited for', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'karta.toml': TOML });
  const runner = await ground.runner([release], { memoryBudgetBytes: 1300 * MB });
  const ended: string[] = [];
  runner.onEnded((sessionId, cause) => ended.push(`${sessionId} ${cause}`));
  const first = newSession(release);
  const harness = await runner.attach(first, () => undefined);
  const notices: string[] = [];
  const second = newSession(release);
  let stayed = true;
  const waiting: { attached?: Promise<unknown> } = {};
  const stop = new AbortController();
  await runTurnOn(harness, scripted({ text: 'x', hang: true }), {
    signal: stop.signal,
    onEvent() {
      waiting.attached ??= runner.attach(second, (kind) => {
        notices.push(kind);
        // The turn lasts until the other waits for its end.
        if (kind === 'queued') stop.abort();
      });
      stayed &&= runner.isLive(first.sessionId);
    },
  });
  await waiting.attached;
  expect(stayed).toBe(true);
  expect(notices).toEqual(['queued', 'warming']);
  expect(ended).toEqual([`${first.sessionId} hibernated`]);
  expect(runner.isLive(second.sessionId)).toBe(true);
});

test('whoever finds no room in time is told when to come back', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'karta.toml': TOML });
  const config = { memoryBudgetBytes: 1300 * MB, capacityWaitMs: 200 };
  const runner = await ground.runner([release], config);
  const harness = await runner.attach(newSession(release), () => undefined);
  const stop = new AbortController();
  const refused: unknown[] = [];
  await runTurnOn(harness, scripted({ text: 'x', hang: true }), {
    signal: stop.signal,
    onEvent(event) {
      if (event.type !== 'text') return;
      runner
        .attach(newSession(release), () => undefined)
        .catch((error: unknown) => {
          refused.push(error);
          stop.abort();
        });
    },
  });
  expect(refused).toHaveLength(1);
  expect(KartaError.is(refused[0]) && refused[0].code).toBe('capacity');
  expect(refused[0]).toMatchObject({ retryAfter: expect.any(Number) });
});

test('a pool slot gives way to a session of another release', async () => {
  const ground = await runnerGround();
  const pooled = await ground.publish({ 'karta.toml': TOML });
  const other = await ground.publish({ 'karta.toml': `name = "other"\n${TOML}` });
  // The pool may take half of the budget: room for one slot and one session.
  const runner = await ground.runner([pooled], { memoryBudgetBytes: 2500 * MB, poolSize: 1 });
  const busy = await runner.attach(newSession(other), () => undefined);
  const { text } = await runTurnOn(busy, scripted({ text: 'served' }));
  expect(text).toBe('served');
  const session = newSession(other);
  await runner.attach(session, () => undefined);
  expect(runner.isLive(session.sessionId)).toBe(true);
});

test('a slot that a session waits for is no longer one that makes room', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'karta.toml': TOML });
  // Room for two sessions.
  const config = { memoryBudgetBytes: 2500 * MB, poolSize: 1, capacityWaitMs: 20_000 };
  const runner = await ground.runner([release], config);
  const notices: string[] = [];
  // The slot is being started, and is this session's.
  const first = runner.attach(newSession(release), (kind) => notices.push(kind));
  const second = runner.attach(newSession(release), () => undefined);
  const third = runner.attach(newSession(release), () => undefined);
  for (const attached of [first, second]) {
    const { text } = await runTurnOn(await attached, scripted({ text: 'served' }));
    expect(text).toBe('served');
  }
  expect(notices).toEqual(['warming']);
  expect((await runTurnOn(await third, scripted({ text: 'served, too' }))).text).toBe(
    'served, too',
  );
});

test('a session larger than the whole budget is refused with the numbers', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'karta.toml': TOML });
  const runner = await ground.runner([release], { memoryBudgetBytes: 1000 * MB });
  const error = await runner.attach(newSession(release), () => undefined).catch((e: unknown) => e);
  expect(error).toMatchObject({ code: 'capacity', message: expect.stringContaining('1200 MB') });
});
