import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_PAYER } from '@karta/protocol';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PAPER_GRANT, type PaperServer, servePaper } from '../budgets/testing/paper-server.ts';
import { decodeLine } from '../journal/line.ts';
import { UPSTREAM_ATTEMPTS } from '../limits.ts';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type PlainServer, servePlain } from '../testing/plain-server.ts';
import { ScriptedAnswers } from '../testing/scripted-answers.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

const MODEL = 'claude-sonnet-5';
/** For what comes by itself, also on a busy machine. */
const WAIT = { timeout: 30_000 };
const answers = new ScriptedAnswers();
let provider: PlainServer;
let paper: PaperServer;
let home: string;
let doors: StartedDoors;
let channel: TestChannel;
let turn = 0;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-doors-retries-'));
  paper = await servePaper();
  provider = await servePlain({ before: answers.before });
  await start();
});
afterAll(async () => {
  await channel?.close();
  await doors?.stop();
  await provider?.close();
  await paper?.close();
  await rm(home, { recursive: true, force: true });
});
beforeEach(async () => {
  turn += 1;
  await openTurn();
});
afterEach(async () => {
  await doors.management.closeTurn(channel.id, `turn_${turn}`);
  paper.control.caps.length = 0;
  answers.set();
  await fetchAll();
});

async function start(): Promise<void> {
  doors = await startDoors({
    control: paper.link,
    journal_dir: join(home, 'usage'),
    upstreams: [
      { id: 'anthropic', base_url: `${provider.origin}/anthropic`, api_key: 'k' },
      { id: 'openai', base_url: `${provider.origin}/openai/v1`, api_key: 'k' },
    ],
  });
  channel = await openTestChannel(doors);
}

/** Ends the doors as a crash would, and starts others over what they left. */
async function crash(): Promise<void> {
  const ended = once(doors.process, 'exit');
  doors.process.kill('SIGKILL');
  await ended;
  await channel.close().catch(() => {});
  await rm(doors.runtimeDir, { recursive: true, force: true });
  await start();
  await openTurn();
}

const openTurn = () =>
  doors.management.openTurn(channel.id, `turn_${turn}`, {
    org_grant: PAPER_GRANT,
    payer: NO_PAYER,
  });
const closeTurn = () => doors.management.closeTurn(channel.id, `turn_${turn}`);
const body = (content = 'hello') => ({
  model: MODEL,
  max_tokens: 1_000,
  messages: [{ role: 'user' as const, content }],
});
const ask = () => channel.anthropic.messages.create(body());
const stream = () => channel.anthropic.messages.stream(body());

async function fetchAll() {
  const records = await doors.management.usage();
  await doors.management.ackUsage(records.at(-1)?.seq ?? 0);
  for (const { spend } of records) paper.control.book(spend.charges);
  return records;
}

/** What the journal says of the calls of this turn, in order. */
async function journalled(): Promise<string[]> {
  const folder = join(home, 'usage');
  // The count of the doors' starts beside them is written anew while they start.
  const names = (await readdir(folder)).filter((name) => name.startsWith('usage-')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  const ids = new Set<string>();
  return texts
    .join('')
    .replaceAll('\0', '')
    .split('\n')
    .filter((line) => line !== '')
    .map(decodeLine)
    .flatMap((line) => {
      if (line?.kind === 'begun') {
        if (line.call.turn_id === `turn_${turn}`) ids.add(line.call.id);
        return ids.has(line.call.id) ? ['begun'] : [];
      }
      if (line?.kind !== 'settled' || !ids.has(line.id)) return [];
      return [line.record === null ? 'cost nothing' : 'settled'];
    });
}

describe('a call that its provider could not take', () => {
  it.each([429, 500, 502, 503, 504, 529])(
    'with %i is sent again, and is one call',
    async (status) => {
      answers.set({ status });
      await ask();
      expect(answers.times).toHaveLength(2);
      expect(await closeTurn()).toMatchObject({ calls: 1, estimated_calls: 0 });
      expect(await fetchAll()).toMatchObject([{ estimated: false }]);
      expect(await journalled()).toEqual(['begun', 'cost nothing', 'begun', 'settled']);
    },
  );

  it('is sent again when the provider says', async () => {
    answers.set({ status: 429, headers: { 'retry-after-ms': '700' } });
    await ask();
    const [first = 0, second = 0] = answers.times;
    expect(second - first).toBeGreaterThanOrEqual(690);
  });

  it('is left to the harness when that is too late, with the provider’s own words', async () => {
    const error = { type: 'rate_limit_error', message: 'come in a minute' };
    answers.set({ status: 429, headers: { 'retry-after': '60' }, error });
    const refused = await ask().catch((failure) => failure);
    expect(refused).toMatchObject({ status: 429, error: { error } });
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(answers.times).toHaveLength(1);
  });

  it('is given up after some attempts; it has cost nothing', async () => {
    answers.set(...Array(9).fill({ status: 529 }));
    await expect(ask()).rejects.toMatchObject({ status: 529 });
    expect(answers.times).toHaveLength(UPSTREAM_ATTEMPTS);
    expect(await closeTurn()).toMatchObject({ calls: 1, cost: '0', usage: { total_tokens: 0 } });
    expect(await fetchAll()).toEqual([]);
  });

  it.each([400, 401, 404, 413, 422])('with %i is not sent again', async (status) => {
    answers.set({ status });
    await expect(ask()).rejects.toMatchObject({ status });
    expect(answers.times).toHaveLength(1);
  });

  it('is sent no more once nobody waits for it', async () => {
    answers.set({ status: 503, headers: { 'retry-after': '3' } });
    const abort = new AbortController();
    const asked = channel.anthropic.messages.create(body(), { signal: abort.signal });
    asked.catch(() => {});
    await expect.poll(() => answers.times.length, WAIT).toBe(1);
    abort.abort();
    await expect(asked).rejects.toThrow();
    await expect.poll(inFlight, WAIT).toBe(0);
    expect(answers.times).toHaveLength(1);
    expect(await fetchAll()).toEqual([]);
  });
});

describe('a call that may have been billed', () => {
  it('is never sent again: not when the connection broke before a word came', async () => {
    // A kept connection that is reset may be one that the provider had given up before.
    answers.set('cut', 'cut', 'cut');
    await expect(ask()).rejects.toMatchObject({ status: 502 });
    expect(answers.times.length).toBeLessThanOrEqual(2);
    expect(await fetchAll()).toMatchObject([{ estimated: true }]);
  });

  it('nor when a stream broke off or told an error in its middle', async () => {
    const start = {
      type: 'message_start',
      message: { usage: { input_tokens: 9, output_tokens: 1 } },
    };
    const begun = `event: message_start\ndata: ${JSON.stringify(start)}\n\n`;
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'busy' } };
    const failed = `event: error\ndata: ${JSON.stringify(error)}\n\n`;
    for (const answer of [{ stream: begun, cut: true }, { stream: begun + failed }]) {
      answers.set(answer);
      await expect(stream().finalMessage()).rejects.toThrow();
      expect(answers.times).toHaveLength(1);
    }
    await expect.poll(() => doors.management.usage(), WAIT).toHaveLength(2);
    const nine = { estimated: true, input_tokens: 9 };
    expect(await fetchAll()).toMatchObject([nine, nine]);
  });
});

describe('an error as the first event of a stream', () => {
  const ofType = (type: string) => {
    const event = { type: 'error', error: { type, message: 'busy' } };
    return { stream: `event: error\ndata: ${JSON.stringify(event)}\n\n` };
  };

  it('is that error: the call is sent again, and the harness sees nothing of it', async () => {
    answers.set(ofType('overloaded_error'));
    const message = await stream().finalMessage();
    expect(message.content.length).toBeGreaterThan(0);
    expect(answers.times).toHaveLength(2);
    expect(await journalled()).toEqual(['begun', 'cost nothing', 'begun', 'settled']);
  });

  it('is so on the OpenAI wires too', async () => {
    const chat = { model: 'gpt-5', messages: body().messages, stream: true as const };
    answers.set({ stream: 'data: {"error":{"code":503,"message":"busy"}}\n\n' });
    for await (const chunk of await channel.openai.chat.completions.create(chat)) {
      expect(chunk.choices).toHaveLength(1);
    }
    expect(answers.times).toHaveLength(2);
    answers.set({ stream: 'data: {"type":"error","code":"server_error","message":"busy"}\n\n' });
    await channel.openai.responses.stream({ model: 'gpt-5', input: 'x' }).finalResponse();
    expect(answers.times).toHaveLength(2);
  });

  it('reaches the harness as it came when it stays, and costs nothing', async () => {
    answers.set(...Array(9).fill(ofType('overloaded_error')));
    const told = await stream()
      .finalMessage()
      .catch((error) => error);
    expect(told.message).toContain('overloaded_error');
    expect(answers.times).toHaveLength(UPSTREAM_ATTEMPTS);
    answers.set(ofType('invalid_request_error'));
    await expect(stream().finalMessage()).rejects.toThrow('invalid_request_error');
    expect(answers.times).toHaveLength(1);
    expect(await fetchAll()).toEqual([]);
  });

  it('after which there is more all the same costs what it tells', async () => {
    const usage = { input_tokens: 9, output_tokens: 5 };
    const more = { type: 'message_start', message: { usage } };
    const { stream: error } = ofType('invalid_request_error');
    answers.set({ stream: `${error}event: message_start\ndata: ${JSON.stringify(more)}\n\n` });
    await stream()
      .finalMessage()
      .catch(() => {});
    await expect.poll(() => doors.management.usage(), WAIT).toHaveLength(1);
    expect(await fetchAll()).toMatchObject([{ input_tokens: 9, output_tokens: 5 }]);
  });
});

describe('under a cap', () => {
  beforeEach(async () => {
    paper.control.caps.push({ id: `bud_${turn}`, metric: 'output_tokens', limit: 900n });
    await doors.management.send('POST', '/invalidate', { org_ids: ['org_1'] });
  });

  it('each attempt takes what it may cost, and gives it back before the next', async () => {
    answers.set({ status: 529 }, { status: 529 });
    const { usage } = await ask();
    const limits = provider.requests.slice(-3).map(({ body: text }) => JSON.parse(text).max_tokens);
    expect(limits).toEqual([900, 900, 900]);
    const amount = String(usage.output_tokens);
    expect(await fetchAll()).toMatchObject([{ spend: { charges: [{ amount }] } }]);
  });

  it('a model that it does not cover stands in for nobody', async () => {
    paper.control.caps.splice(0, 9, { id: `bud_${turn}`, metric: 'cost', limit: 10n ** 12n });
    await doors.management.send('POST', '/invalidate', { org_ids: ['org_1'] });
    const fallback = ['openai/a-model-without-a-price'];
    const other = await openTestChannel(doors, 'live', false, { fallback });
    const spending = { org_grant: PAPER_GRANT, payer: NO_PAYER };
    await doors.management.openTurn(other.id, 'turn_other', spending);
    const error = { type: 'server_error', message: 'no room' };
    answers.set({ status: 503, headers: { 'x-should-retry': 'false' }, error });
    const asked = other.openai.responses.create({ model: 'gpt-5', input: 'x' });
    await expect(asked).rejects.toMatchObject({ status: 503, error });
    expect(answers.times).toHaveLength(1);
    expect((await doors.management.closeTurn(other.id, 'turn_other')).refusal).toBeNull();
    await other.close();
  });

  it('doors that die between two attempts leave nothing booked', async () => {
    answers.set({ status: 529, headers: { 'retry-after': '4' } });
    const asked = ask();
    asked.catch(() => {});
    await expect.poll(journalled, WAIT).toEqual(['begun', 'cost nothing']);
    await crash();
    expect(await fetchAll()).toEqual([]);
    await ask();
    expect(JSON.parse(provider.requests.at(-1)?.body ?? '').max_tokens).toBe(900);
  });

  it('doors that die in the second attempt book that one alone, at all it could take', async () => {
    answers.set({ status: 529 }, 'silence');
    const asked = channel.anthropic.messages.create(body(scripted({ text: 'x' })));
    asked.catch(() => {});
    await expect.poll(() => answers.times.length, WAIT).toBe(2);
    await crash();
    expect(await fetchAll()).toMatchObject([{ estimated: true, output_tokens: 900 }]);
  });
});

async function inFlight(): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${doors.metricsPort}/metrics`)).text();
  return Number(/^karta_doors_calls_in_flight (\d+)/m.exec(text)?.[1]);
}
