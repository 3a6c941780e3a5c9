import { expect, test } from 'vitest';
import type { Runner, RunnerSession } from './port.ts';
import { eventually } from './testing/eventually.ts';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';

/** Waits until a slot is ready: a fresh volume stands there and the model has been asked once. */
async function slotReady(ground: Awaited<ReturnType<typeof runnerGround>>): Promise<void> {
  await eventually('a pool slot is ready', () =>
    ground.logged.some(({ message }) => message === 'a pool slot is ready'),
  );
}

async function historyOf(runner: Runner, session: RunnerSession): Promise<string[]> {
  const messages: string[] = [];
  for await (const message of runner.history(session)) {
    for (const part of message.parts) {
      if (part.type === 'text') messages.push(`${message.role}: ${part.text}`);
    }
  }
  return messages;
}

test('a new session takes a slot at once, finds no trace of its warming and pays for none', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release], { poolSize: 1 });
  await slotReady(ground);
  const notices: string[] = [];
  const session = newSession(release);
  const harness = await runner.attach(session, (kind) => notices.push(kind));
  expect(notices).toEqual([]);
  const script = scripted({ text: 'from the pool' });
  const { text, end } = await runTurnOn(harness, script);
  expect(text).toBe('from the pool');
  expect(end.usage.calls).toBe(1);
  const known = { ...session, volumeId: harness.volumeId, resumeId: end.resumeId };
  expect(await historyOf(runner, known)).toEqual([`user: ${script}`, 'assistant: from the pool']);
});

test('a slot serves one session; sessions that run at once do not mix', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release], { poolSize: 1 });
  const sessions = [newSession(release), newSession(release)];
  const harnesses = await Promise.all(
    sessions.map((session) => runner.attach(session, () => undefined)),
  );
  expect(new Set(harnesses.map(({ volumeId }) => volumeId)).size).toBe(2);
  const words = ['alpha ', 'omega '];
  const told = await Promise.all(
    harnesses.map((harness, index) =>
      runTurnOn(harness, scripted({ text: words[index]?.repeat(20), n: 20, gap: 10 })),
    ),
  );
  for (const [index, { text, end }] of told.entries()) {
    expect(text.trim()).toBe(words[index]?.repeat(20).trim());
    expect(end.usage.calls).toBeGreaterThan(0);
  }
});

test('a session that was used before never takes a slot', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release], { poolSize: 1 });
  await slotReady(ground);
  const first = newSession(release);
  const harness = await runner.attach(first, () => undefined);
  const { end } = await runTurnOn(harness, scripted({ text: 'one' }));
  await runner.hibernate(first.sessionId);
  await eventually('the next slot is ready', () => readySlots(ground) === 2);
  const notices: string[] = [];
  const known = { ...first, volumeId: harness.volumeId, resumeId: end.resumeId };
  const again = await runner.attach(known, (kind) => notices.push(kind));
  expect(notices).toEqual(['resumed']);
  expect(again.volumeId).toBe(harness.volumeId);
});

function readySlots(ground: Awaited<ReturnType<typeof runnerGround>>): number {
  return ground.logged.filter(({ message }) => message === 'a pool slot is ready').length;
}
