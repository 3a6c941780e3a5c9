import { expect, test } from 'vitest';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';
import { HARNESS } from './testing/runner-harness.ts';

test.each([
  ['this thread', 0],
  ['two threads', 2],
])(
  'in %s: a new session boots, answers, and its calls are booked on its turn',
  async (_name, workers) => {
    const ground = await runnerGround();
    const release = await ground.publish({});
    const runner = await ground.runner([release], { workers });
    expect(runner.isolation).toBe('namespace');
    const notices: string[] = [];
    const session = newSession(release);
    const harness = await runner.attach(session, (kind) => notices.push(kind));
    expect(harness.isolation).toBe('namespace');
    const first = await runTurnOn(harness, scripted({ text: 'hello there' }));
    expect(first.text).toBe('hello there');
    expect(notices).toEqual(['warming']);
    expect(first.end).toMatchObject({ stopReason: 'end_turn', resumeId: expect.any(String) });
    expect(first.end.usage.calls).toBeGreaterThan(0);
    expect(first.end.usage.usage.input_tokens).toBeGreaterThan(0);

    const again = await runner.attach(session, (kind) => notices.push(kind));
    expect(notices).toEqual(['warming']);
    expect(again.resumeId).toBe(first.end.resumeId);
    const read = HARNESS.read(`/workspace/${HARNESS.rules}`);
    const second = await runTurnOn(again, scripted({ tools: [read] }, { text: 'done' }));
    expect(second.text).toBe('done');
    // Two steps, two calls: those of the first turn are not among them.
    expect(second.end.usage.calls).toBe(2);
  },
);

test('a turn is cancelled by its signal, and the session stays usable', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const harness = await runner.attach(newSession(release), () => undefined);
  const stop = new AbortController();
  const cancelled = await runTurnOn(harness, scripted({ text: 'begun', hang: true }), {
    signal: stop.signal,
    onEvent: ({ type }) => type === 'text' && stop.abort(),
  });
  expect(cancelled.end.stopReason).toBe('cancelled');
  const { text } = await runTurnOn(harness, scripted({ text: 'still here' }));
  expect(text).toBe('still here');
});

test('a release that is not on this server, or whose harness is not, is told as such', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const described = await runner.describe(release);
  expect(described.agents.map(({ name }) => name)).toContain('default');
  expect(described.capabilities.families.length).toBeGreaterThan(0);
  const other = { ...release, harness: { ...release.harness, version: '0.0.1' } };
  for (const lost of [other, { ...release, digest: 'f'.repeat(64) }]) {
    const session = newSession(lost);
    await expect(runner.attach(session, () => undefined)).rejects.toMatchObject({
      code: 'harness_missing',
    });
  }
});

test('doors that have forgotten a session end its turn visibly, and the next boots anew', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  await runTurnOn(harness, scripted({ text: 'one' }));
  await ground.forgetChannels();
  const lost = await runTurnOn(harness, scripted({ text: 'two' }));
  expect(lost.events.map(({ type }) => type)).toEqual(['error', 'end']);
  const known = { ...session, volumeId: harness.volumeId, resumeId: lost.end.resumeId };
  const again = await runner.attach(known, () => undefined);
  expect((await runTurnOn(again, scripted({ text: 'three' }))).text).toBe('three');
});

test('without isolation only the bundled examples run', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const example = await ground.publishFolder(
    new URL('../../../../examples/opencode-bot', import.meta.url).pathname,
  );
  const runner = await ground.runner([release, example], { sandbox: 'none' });
  expect(runner.isolation).toBe('none');
  await expect(runner.attach(newSession(release), () => undefined)).rejects.toMatchObject({
    code: 'harness_failed',
    message: expect.stringContaining('bundled examples'),
  });
  const harness = await runner.attach(newSession(example), () => undefined);
  expect((await runTurnOn(harness, scripted({ text: 'an example' }))).text).toBe('an example');
});
