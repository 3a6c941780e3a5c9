import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';
import { HARNESS } from './testing/runner-harness.ts';

const MB = 1024 * 1024;

test('files before the first message, while the session sleeps, and while it runs', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({ 'menu.txt': 'espresso', 'docs/a.md': 'a' });
  const runner = await ground.runner([release]);
  const session = newSession(release);

  // Nothing is started to look at what the release says anyway.
  const listed = await runner.listFiles(session, '');
  const published = [...Object.keys(HARNESS.application), 'docs/a.md', 'menu.txt'].sort();
  expect(listed.files.map(({ path }) => path).sort()).toEqual(published);
  expect((await runner.listFiles(session, 'docs/')).files).toHaveLength(1);
  expect(await textOf((await runner.readFile(session, 'menu.txt')).body)).toBe('espresso');
  await expect(runner.readFile(session, 'gone')).rejects.toMatchObject({ code: 'not_found' });
  expect(runner.isLive(session.sessionId)).toBe(false);

  const written = await runner.writeFile(
    session,
    'note.txt',
    Readable.from([Buffer.from('hi')]),
    MB,
  );
  expect(written).toMatchObject({ size: 2, volumeId: expect.stringMatching(/^vol_/) });
  expect(runner.isLive(session.sessionId)).toBe(false);
  const again = await runner.listFiles(session, '');
  expect(again.files.map(({ path }) => path)).toContain('note.txt');

  // The first message finds the file, whether or not the caller has kept the volume's id.
  const harness = await runner.attach(session, () => undefined);
  expect(harness.volumeId).toBe(written.volumeId);
  const cat = HARNESS.shell('cat note.txt; echo more >> note.txt');
  const turn = await runTurnOn(harness, scripted({ tools: [cat] }, { text: 'ok' }));
  expect(turn.events.find(({ type }) => type === 'tool_result')).toMatchObject({
    output: expect.stringContaining('hi'),
  });
  expect(await textOf((await runner.readFile(session, 'note.txt')).body)).toContain('more');

  const known = { ...session, volumeId: harness.volumeId, resumeId: turn.end.resumeId };
  await runner.hibernate(session.sessionId);
  expect(await textOf((await runner.readFile(known, 'note.txt')).body)).toContain('more');
  await runner.removeFile(known, 'note.txt');
  expect(runner.isLive(session.sessionId)).toBe(false);
  await expect(runner.readFile(known, 'note.txt')).rejects.toMatchObject({ code: 'not_found' });
  await expect(runner.readFile(known, '../etc/passwd')).rejects.toMatchObject({
    code: 'outside',
  });
  const rules = Readable.from([Buffer.from('obey')]);
  await expect(runner.writeFile(known, HARNESS.rules, rules, MB)).rejects.toMatchObject({
    code: 'read_only',
  });
  await runner.destroy(known);
  await expect(runner.readFile({ ...known, volumeId: null }, 'note.txt')).rejects.toMatchObject({
    code: 'not_found',
  });
});

test('a large file streams up and down unchanged, one over the limit is refused', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({});
  const runner = await ground.runner([release]);
  const session = newSession(release);
  const block = Buffer.alloc(MB, 'karta');
  const body = Readable.from(Array.from({ length: 20 }, () => block));
  const { size } = await runner.writeFile(session, 'large.bin', body, 100 * MB);
  expect(size).toBe(20 * MB);
  const read = await runner.readFile(session, 'large.bin');
  expect(read.size).toBe(20 * MB);
  let count = 0;
  for await (const chunk of read.body) count += (chunk as Buffer).length;
  expect(count).toBe(20 * MB);
  const over = Readable.from([block, block]);
  await expect(runner.writeFile(session, 'over.bin', over, MB)).rejects.toMatchObject({
    code: 'too_large',
  });
});
