import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { eventually } from './testing/eventually.ts';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';
import { HARNESS } from './testing/runner-harness.ts';

test('a session goes on after hibernation where it stopped, with its own files', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const ended: string[] = [];
  runner.onEnded((sessionId, cause) => ended.push(`${sessionId} ${cause}`));
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  const write = HARNESS.shell('echo kept > note.txt');
  // One script over two messages: the second step is only right if the first turn is remembered.
  const first = await runTurnOn(harness, scripted({ tools: [write] }, { text: 'written' }));
  expect(first.text).toBe('written');
  expect(runner.isLive(session.sessionId)).toBe(true);
  await runner.hibernate(session.sessionId);
  expect(runner.isLive(session.sessionId)).toBe(false);
  expect(ended).toEqual([`${session.sessionId} hibernated`]);

  const known = { ...session, volumeId: harness.volumeId, resumeId: first.end.resumeId };
  const again = await runner.attach(known, () => undefined);
  expect(again.resumeId).toBe(first.end.resumeId);
  const read = HARNESS.shell('cat note.txt');
  const second = await runTurnOn(again, scripted({ tools: [read] }, { text: 'read' }));
  const result = second.events.find((event) => event.type === 'tool_result');
  expect(result).toMatchObject({ isError: false, output: expect.stringContaining('kept') });
  const roles: string[] = [];
  for await (const message of runner.history(known)) roles.push(message.role);
  expect(roles.filter((role) => role === 'user')).toHaveLength(2);
});

test('an idle session hibernates by itself, a running turn is left alone', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release], { idleMs: 300 });
  const ended: string[] = [];
  runner.onEnded((_sessionId, cause) => ended.push(cause));
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  let stayed = true;
  const script = scripted({ text: 'a b c d e f g h', n: 8, gap: 150 });
  const { text } = await runTurnOn(harness, script, {
    onEvent() {
      stayed &&= ended.length === 0;
    },
  });
  expect(text).toBe('a b c d e f g h');
  expect(stayed).toBe(true);
  await eventually('it hibernates', () => ended.length === 1);
  expect(ended).toEqual(['hibernated']);
});

test('calls that meet share one machine', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const session = newSession(release);
  const attached = await Promise.all([1, 2, 3].map(() => runner.attach(session, () => undefined)));
  expect(new Set(attached.map(({ volumeId }) => volumeId)).size).toBe(1);
  await runner.destroy({ ...session, volumeId: attached[0]?.volumeId ?? null });
  expect(runner.isLive(session.sessionId)).toBe(false);
});

test('volumes that nobody knows are swept, those in use and those known stay', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const first = await ground.runner([release]);
  // A file is enough to have a volume, and needs no harness.
  const [lost, kept, gone] = await Promise.all(
    [1, 2, 3].map(async () => {
      const session = newSession(release);
      const body = Readable.from([Buffer.from('x')]);
      const { volumeId } = await first.writeFile(session, 'f', body, 10);
      return { ...session, volumeId };
    }),
  );
  if (!lost || !kept || !gone) throw new Error('unreachable: three were made');
  await first.destroy(gone);
  const asked: string[] = [];
  const ask = async (volumeId: string) => asked.push(volumeId) > 0;
  await first.sweepVolumes(ask);
  expect(asked).toEqual([]);
  await first.stop();

  const second = await ground.runner([release]);
  await second.sweepVolumes(async (volumeId) => volumeId === kept.volumeId);
  await second.sweepVolumes(ask);
  expect(asked).toEqual([kept.volumeId]);
});
