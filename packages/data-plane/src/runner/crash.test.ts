import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { eventually } from './testing/eventually.ts';
import { descendants, killAll } from './testing/processes.ts';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';
import { HARNESS } from './testing/runner-harness.ts';

/** Many that hold a little each: the largest, which the kernel ends first, is the harness itself. */
const GREED =
  'for i in $(seq 60); do (held=$(head -c 20000000 /dev/zero | tr "\\0" a); sleep 60) & done; wait';

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
      killAll(descendants(HARNESS.process));
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

test('a sandbox whose channel was with earlier doors is ended, and the session goes on', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  const { end } = await runTurnOn(harness, scripted({ text: 'remember me' }));
  const ended: string[] = [];
  runner.onEnded((sessionId, cause) => ended.push(`${sessionId} ${cause}`));
  runner.doorsRestarted('another start');
  await eventually('the end is told', () => ended.length > 0);
  expect(ended).toEqual([`${session.sessionId} exited`]);
  const known = { ...session, volumeId: harness.volumeId, resumeId: end.resumeId };
  const again = await runner.attach(known, () => undefined);
  expect((await runTurnOn(again, scripted({ text: 'back' }))).text).toBe('back');
});

test('a limit that ends a sandbox is named, and the session goes on', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'karta.toml': '[sandbox]\nmemory_mb = 900\n' });
  const runner = await ground.runner([release]);
  const ended: string[] = [];
  runner.onEnded((_sessionId, cause) => ended.push(cause));
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  const greedy = HARNESS.shell(GREED);
  const steps = scripted({ tools: [greedy] }, { text: 'survived' });
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
  const live = descendants(HARNESS.process).length;
  await eventually(
    'the next slot is being warmed',
    () => descendants(HARNESS.process).length > live,
  );
  await runner.stop();
  await eventually('every process has ended', () => descendants(HARNESS.process).length === 0);
  await expect(runner.attach(newSession(release), () => undefined)).rejects.toMatchObject({
    code: 'shutting_down',
  });
  expect(await readdir(join(ground.home, 'volumes'))).toEqual([volumeId]);
});
