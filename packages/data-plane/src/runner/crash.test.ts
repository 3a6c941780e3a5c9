import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from './testing/eventually.ts';
import { descendants } from './testing/processes.ts';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';

const HARNESS = 'opencode serve';

test('a sandbox killed in the middle of a turn fails it visibly, and the session goes on', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const ended: string[] = [];
  runner.onEnded((_sessionId, cause) => ended.push(cause));
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  const first = await runTurnOn(harness, scripted({ text: 'remember me' }));
  const killed = await runTurnOn(harness, scripted({ text: 'half', hang: true }), {
    onEvent({ type }) {
      if (type !== 'text') return;
      for (const pid of descendants(HARNESS)) process.kill(pid, 'SIGKILL');
    },
  });
  expect(killed.text).toBe('half');
  expect(killed.events.at(-2)).toMatchObject({ type: 'error', code: 'harness_exited' });
  expect(killed.end).toMatchObject({ stopReason: 'error', usage: { calls: 1 } });
  await eventually('the end is told', () => ended.length > 0);
  expect(ended).toEqual(['exited']);
  expect(runner.isLive(session.sessionId)).toBe(false);

  const known = { ...session, volumeId: harness.volumeId, resumeId: first.end.resumeId };
  const again = await runner.attach(known, () => undefined);
  const { text, end } = await runTurnOn(again, scripted({ text: 'back again' }));
  expect(text).toBe('back again');
  expect(end).toMatchObject({ stopReason: 'end_turn', resumeId: first.end.resumeId });
});

test('a limit that ends a sandbox is named, and the session goes on', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'karta.toml': '[sandbox]\nmemory_mb = 900\n' });
  const runner = await ground.runner([release]);
  const ended: string[] = [];
  runner.onEnded((_sessionId, cause) => ended.push(cause));
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  const greedy = { command: 'head -c 3000000000 /dev/zero | tail > /dev/null', description: 'x' };
  const steps = scripted({ tools: [{ name: 'bash', input: greedy }] }, { text: 'survived' });
  const limited = await runTurnOn(harness, steps);
  expect(limited.events.at(-2)).toMatchObject({ type: 'error', code: 'sandbox_limit' });
  expect(limited.end.stopReason).toBe('error');
  await eventually('the end is told', () => ended.length > 0);
  expect(ended).toEqual(['violation']);
  const known = { ...session, volumeId: harness.volumeId, resumeId: limited.end.resumeId };
  const again = await runner.attach(known, () => undefined);
  expect((await runTurnOn(again, scripted({ text: 'back' }))).text).toBe('back');
});

test('a stop ends every process, live or being warmed, and leaves but a volume', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release], { poolSize: 1 });
  const { volumeId } = await runner.attach(newSession(release), () => undefined);
  const live = descendants(HARNESS).length;
  await eventually('the next slot is being warmed', () => descendants(HARNESS).length > live);
  await runner.stop();
  await eventually('every process has ended', () => descendants(HARNESS).length === 0);
  await expect(runner.attach(newSession(release), () => undefined)).rejects.toMatchObject({
    code: 'shutting_down',
  });
  expect(await readdir(join(ground.home, 'volumes'))).toEqual([volumeId]);
});
