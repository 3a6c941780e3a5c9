import { once } from 'node:events';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { costOf, priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

/** A user that owns nothing here. */
const OTHER_UID = 60_577;
const isRoot = process.getuid?.() === 0;

let home: string;
let doors: StartedDoors;
let channel: TestChannel;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-doors-home-'));
  await start();
});
afterAll(async () => {
  await channel.close();
  await doors.stop();
  await rm(home, { recursive: true, force: true });
});

async function start(): Promise<void> {
  const other = isRoot ? { run_as_uid: OTHER_UID } : {};
  doors = await startDoors({ journal_dir: join(home, 'doors', 'usage'), ...other });
  channel = await openTestChannel(doors);
}

const ask = (content: string) => ({
  model: 'demo-model',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content }],
});

async function fetchAll() {
  const records = await doors.management.usage();
  await doors.management.ackUsage(records.at(-1)?.seq ?? 0);
  return records;
}

it('has every billed call the moment its answer has ended, with who it was for', async () => {
  await doors.management.openTurn(channel.id, 'turn_1');
  const { usage } = await channel.anthropic.messages.create(
    ask(scripted({ text: 'some words', cache_read: 3 })),
  );
  const [record, ...others] = await doors.management.usage();
  expect(others).toEqual([]);
  expect(record).toMatchObject({
    seq: 1,
    org_id: 'org_1',
    project_id: 'proj_1',
    session_id: 'sess_1',
    turn_id: 'turn_1',
    provider: 'demo',
    model: 'demo-model',
    input_tokens: usage.input_tokens + 3,
    cache_read_tokens: 3,
    output_tokens: usage.output_tokens,
    estimated: false,
    paid_by: 'platform',
    spend: { price_version: BUILT_IN_PRICE_BOOK.version, own_key_id: null, charges: [] },
  });
  const price = priceOf(BUILT_IN_PRICE_BOOK, 'demo', 'demo-model', Date.now());
  expect(record?.spend.cost).toBe(price && record && costOf(price, record).toString());
  const closed = await doors.management.closeTurn(channel.id, 'turn_1');
  expect(closed.usage.output_tokens).toBe(record?.output_tokens);
  await doors.management.ackUsage(1);
  expect(await doors.management.usage()).toEqual([]);
});

it('leaves out what nobody bills, and has what belongs to no turn', async () => {
  await channel.anthropic.messages.countTokens({ model: 'm', messages: ask('x').messages });
  await channel.anthropic.messages.create(ask(scripted({ err: 529 }))).catch(() => {});
  const parked = await openTestChannel(doors, 'parked');
  await parked.anthropic.messages.create(ask('hello'));
  await parked.close();
  await channel.openai.chat.completions.create({ model: 'gpt', messages: ask('x').messages });
  expect(await fetchAll()).toMatchObject([{ model: 'gpt', turn_id: null }]);
});

it('keeps calls through kill -9: those that ended exactly, those that ran as an estimate', async () => {
  await doors.management.openTurn(channel.id, 'turn_2');
  const done = await channel.anthropic.messages.create(ask(scripted({ text: 'done' })));
  const cut = channel.anthropic.messages.stream(ask(scripted({ text: 'begun', hang: true })));
  cut.on('error', () => {});
  await new Promise<void>((resolve) => cut.on('text', () => resolve()));
  const ended = once(doors.process, 'exit');
  doors.process.kill('SIGKILL');
  await ended;
  await channel.close().catch(() => {});
  await rm(doors.runtimeDir, { recursive: true, force: true });
  await start();
  const records = await fetchAll();
  expect(records).toMatchObject([
    { turn_id: 'turn_2', estimated: false, output_tokens: done.usage.output_tokens },
    { turn_id: 'turn_2', estimated: true, output_tokens: 0 },
  ]);
  expect(records[1]?.input_tokens).toBeGreaterThan(0);
  expect(new Set(records.map(({ id }) => id)).size).toBe(2);
});

it('has calls that an orderly end cut off', async () => {
  const cut = channel.anthropic.messages.stream(ask(scripted({ text: 'abcdefgh', hang: true })));
  cut.on('error', () => {});
  await new Promise<void>((resolve) => cut.on('text', () => resolve()));
  await channel.close();
  await doors.stop();
  await start();
  expect(await fetchAll()).toMatchObject([{ estimated: true, output_tokens: 2 }]);
});

it.skipIf(!isRoot)('is written by the user of the doors in a home closed to them', async () => {
  await chmod(home, 0o700);
  expect((await stat(join(home, 'doors', 'usage'))).uid).toBe(OTHER_UID);
  await channel.openai.chat.completions.create({ model: 'gpt', messages: ask('x').messages });
  expect(await fetchAll()).toHaveLength(1);
});

it('refuses a live channel that belongs to no session', async () => {
  const body = { channel_id: 'x', org_id: 'o', project_id: 'p', session_id: null, mode: 'live' };
  expect((await doors.management.send('POST', '/channels', body)).status).toBe(422);
});
