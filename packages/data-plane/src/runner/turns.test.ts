import { expect, test } from 'vitest';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';

test('a new session boots, answers, and its calls are booked on its turn', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const notices: string[] = [];
  const harness = await runner.attach(newSession(release), (kind) => notices.push(kind));
  const { text, end } = await runTurnOn(harness, scripted({ text: 'hello there' }));
  expect(text).toBe('hello there');
  expect(notices).toEqual(['warming']);
  expect(end).toMatchObject({ stopReason: 'end_turn', resumeId: expect.any(String) });
  expect(end.usage.calls).toBeGreaterThan(0);
  expect(end.usage.usage.input_tokens).toBeGreaterThan(0);
});
