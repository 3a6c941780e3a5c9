import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { costOf, NO_PAYER, priceOf, spendCheckAnswer } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PaperCap, paperSubject } from '../budgets/testing/paper-control.ts';
import { PAPER_GRANT, type PaperServer, servePaper } from '../budgets/testing/paper-server.ts';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type PaperCaps, paperCaps } from '../testing/paper-caps.ts';
import { type PlainServer, servePlain } from '../testing/plain-server.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

const MODEL = 'claude-sonnet-5';
/** For what comes by itself, also on a busy machine. */
const WAIT = { timeout: 30_000 };
/** What the provider answers, where a test has it lie. */
let lie: ((body: string) => object | null) | null = null;
let provider: PlainServer;
let paper: PaperServer;
let caps: PaperCaps;
let home: string;
let doors: StartedDoors;
let channel: TestChannel;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'karta-doors-budget-'));
  paper = await servePaper();
  caps = paperCaps(paper, () => doors);
  provider = await servePlain({
    before(_request, response, body) {
      const answer = lie?.(body) ?? null;
      if (answer === null) return false;
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(answer));
      return true;
    },
  });
  await start();
});
afterAll(async () => {
  await channel.close();
  await doors.stop();
  await provider.close();
  await paper.close();
  await rm(home, { recursive: true, force: true });
});

async function start(): Promise<void> {
  doors = await startDoors({
    control: paper.link,
    journal_dir: join(home, 'usage'),
    upstreams: [
      { id: 'anthropic', base_url: `${provider.origin}/anthropic`, api_key: 'k' },
      { id: 'openai', base_url: `${provider.origin}/openai/v1/`, api_key: 'k' },
    ],
  });
  channel = await openTestChannel(doors);
}

let turn = '';
beforeEach(async () => {
  turn = `turn_${provider.requests.length}_${Date.now()}`;
  lie = null;
  await openTurn(channel, turn);
});
afterEach(async () => {
  await doors.management.closeTurn(channel.id, turn);
  paper.control.up = true;
  await caps.clear();
});

const openTurn = (of: TestChannel, id: string) =>
  doors.management.openTurn(of.id, id, { org_grant: PAPER_GRANT, payer: NO_PAYER });

const fetchAll = () => caps.booked();
const changed = () => caps.changed();
const cap = (metric: PaperCap['metric'], limit: bigint) => caps.add(metric, limit, turn);

const ask = (content: string, max_tokens = 1_000) => ({
  model: MODEL,
  max_tokens,
  messages: [{ role: 'user' as const, content }],
});

const lastSent = () => JSON.parse(provider.requests.at(-1)?.body ?? '');

describe('a call under a cap', () => {
  it('is sent with the output that the cap covers, and books what it took of it', async () => {
    await cap('output_tokens', 300n);
    const { usage } = await channel.anthropic.messages.create(ask(scripted({ text: 'well' })));
    expect(lastSent()).toMatchObject({ model: MODEL, max_tokens: 300 });
    const [record] = await fetchAll();
    const price = priceOf(BUILT_IN_PRICE_BOOK, 'anthropic', MODEL, Date.now());
    expect(record).toMatchObject({
      estimated: false,
      output_tokens: usage.output_tokens,
      spend: {
        cost: price && record && costOf(price, record).toString(),
        price_version: BUILT_IN_PRICE_BOOK.version,
        charges: [{ amount: String(usage.output_tokens) }],
        exceeded: false,
      },
    });
  });

  it('has less thinking, on every wire less output', async () => {
    await cap('output_tokens', 2_000n);
    await channel.anthropic.messages.create({
      ...ask('hello', 9_000),
      thinking: { type: 'enabled', budget_tokens: 8_000 },
    });
    expect(lastSent()).toMatchObject({ max_tokens: 2_000, thinking: { budget_tokens: 1_744 } });
    await fetchAll();
    const { messages } = ask('hello');
    await channel.openai.chat.completions.create({ model: 'gpt-5', n: 2, messages });
    const chat = lastSent().max_completion_tokens;
    expect(chat).toBeGreaterThan(256);
    expect(chat).toBeLessThanOrEqual(1_000);
    await fetchAll();
    await channel.openai.responses.create({ model: 'gpt-5', input: 'hello' });
    expect(lastSent().max_output_tokens).toBeLessThanOrEqual(2_000);
  });

  it('is sent as it is where no cap rules it', async () => {
    const body = ` {"max_tokens":9000, "model":"${MODEL}","messages":[{"role":"user","content":"hi"}]}`;
    const answer = await fetch(`${channel.origin}/anthropic/v1/messages`, {
      method: 'POST',
      headers: { 'x-api-key': channel.credential, 'content-type': 'application/json' },
      body,
    });
    expect(answer.status).toBe(200);
    await answer.text();
    expect(provider.requests.at(-1)?.body).toBe(body);
  });

  it('that does not fit is refused for good and reaches nobody; the turn is told', async () => {
    const spent = await cap('total_tokens', 60n);
    const before = provider.requests.length;
    const refused = channel.anthropic.messages.create(ask('hello'));
    await expect(refused).rejects.toMatchObject({ status: 402, type: 'billing_error' });
    const openai = channel.openai.responses.create({ model: 'gpt-5', input: 'hello' });
    await expect(openai).rejects.toMatchObject({ status: 402, code: 'budget_exhausted' });
    expect(provider.requests.length).toBe(before);
    expect(await doors.management.usage()).toEqual([]);
    expect(await doors.management.closeTurn(channel.id, turn)).toMatchObject({
      usage: { total_tokens: 0 },
      refusal: {
        code: 'budget_exhausted',
        message: expect.stringContaining(spent.id),
        provider: null,
      },
    });
    spent.limit = 60_000n;
    await changed();
    await openTurn(channel, turn);
    await channel.anthropic.messages.create(ask('hello'));
  });

  it('needs no more for what was counted before than it counted', async () => {
    const system = 'You are the assistant of a shop that roasts coffee. '.repeat(200);
    const say = (content: string) => channel.anthropic.messages.create({ ...ask(content), system });
    const limit = await cap('input_tokens', 2_000n + BigInt(system.length));
    const { usage } = await say('hello');
    await fetchAll();
    // What is left by now is far less than its bytes.
    limit.limit = 2n * BigInt(usage.input_tokens) + 1_000n;
    expect(limit.limit).toBeLessThan(BigInt(system.length));
    await changed();
    await say('good day');
    await fetchAll();
    await expect(say('x'.repeat(5_000))).rejects.toMatchObject({ status: 402 });
    expect(paper.control.spent(limit.id)).toBeGreaterThanOrEqual(2n * BigInt(usage.input_tokens));
  });

  it('is counted by its provider where a cap may not cover its bytes, before it is refused', async () => {
    const system = 'You are the assistant of a shop that sells bicycles. '.repeat(400);
    const before = provider.requests.length;
    const counts = () =>
      provider.requests.slice(before).filter(({ url }) => url.endsWith('/count_tokens'));
    const say = (content: string, more: object = {}) =>
      channel.anthropic.messages.create({
        ...ask(content),
        ...{ system, temperature: 0, thinking: { type: 'disabled' as const }, ...more },
      });
    const limit = await cap('input_tokens', BigInt(system.length));
    const { usage } = await say('hello');
    expect(usage.input_tokens).toBeLessThan(system.length / 3);
    expect(counts()).toHaveLength(1);
    const counted = Object.keys(JSON.parse(counts()[0]?.body ?? ''));
    expect(counted.sort()).toEqual(['messages', 'model', 'system', 'thinking']);
    await fetchAll();
    // What follows is known well enough.
    await changed();
    await say('good day');
    expect(counts()).toHaveLength(1);
    await fetchAll();
    // What may change the count in a way that nobody asks about is bounded by its bytes.
    const odd = { system: `${system}!`, diagnostics: {} } as object;
    await expect(say('hello', odd)).rejects.toMatchObject({ status: 402 });
    expect(counts()).toHaveLength(1);
    const most = BigInt(Math.ceil(usage.input_tokens * 1.1));
    limit.limit = paper.control.spent(limit.id) + most;
    await changed();
    await say('good morning', { system: `${system}?` });
    expect(counts()).toHaveLength(2);
    expect((await fetchAll()).length).toBe(1);
    // One that the count does not fit either is refused, and counted once.
    for (const _ of [1, 2]) await expect(say('hi')).rejects.toMatchObject({ status: 402 });
    for (const _ of [1, 2]) {
      await expect(say('hi', { system: `${system}+` })).rejects.toMatchObject({ status: 402 });
    }
    expect(counts()).toHaveLength(3);
  });

  it('is bounded by its bytes where the provider does not say what they count', async () => {
    const system = 'You are the assistant of a shop that sells books. '.repeat(400);
    await cap('input_tokens', BigInt(system.length) / 2n);
    for (const answer of [{ error: { type: 'x' } }, { input_tokens: -1 }, { input_tokens: 1e9 }]) {
      lie = (body) => (body.includes('max_tokens') ? null : answer);
      const refused = channel.anthropic.messages.create({ ...ask('hello'), system });
      await expect(refused).rejects.toMatchObject({ status: 402 });
    }
  });

  it('gives back what a provider that refused it did not take', async () => {
    const limit = await cap('output_tokens', 1_000n);
    await channel.anthropic.messages.create(ask(scripted({ err: 529 }))).catch(() => {});
    await channel.anthropic.messages.create(ask('hello'));
    expect(lastSent().max_tokens).toBe(1_000);
    expect((await fetchAll()).length).toBe(1);
    expect(paper.control.spent(limit.id)).toBeLessThan(1_000n);
  });

  it('whose count was never told is booked at all that it could take', async () => {
    await cap('output_tokens', 700n);
    const cut = channel.anthropic.messages.stream(ask(scripted({ text: 'hi', break: true })));
    await cut.finalMessage().catch(() => {});
    await expect.poll(() => doors.management.usage(), WAIT).toHaveLength(1);
    expect(await fetchAll()).toMatchObject([
      { estimated: true, output_tokens: 700, spend: { charges: [{ amount: '700' }] } },
    ]);
  });

  it('of a provider that counts beyond its limit is booked in full, and told', async () => {
    await cap('output_tokens', 400n);
    lie = () => ({ type: 'message', usage: { input_tokens: 3, output_tokens: 90_000 } });
    await channel.anthropic.messages.create(ask('hello'));
    expect(await caps.taken()).toMatchObject([
      { output_tokens: 90_000, spend: { exceeded: true, charges: [{ amount: '90000' }] } },
    ]);
    expect(await metric('karta_doors_limit_exceeded_total{upstream="anthropic"}')).toBe(1);
    expect(doors.log()).toContain('counted more than the limits');
  });

  it('of a model without a price is refused under a cap on cost', async () => {
    await cap('cost', 10n ** 12n);
    const refused = channel.anthropic.messages.create({ ...ask('hello'), model: 'nobody-knows' });
    await expect(refused).rejects.toMatchObject({ status: 402 });
    await expect(refused).rejects.toThrow(/has no price.*karta budgets unpriced count/);
  });

  it('that nobody can bound is refused as such', async () => {
    await cap('cost', 10n ** 12n);
    const stored = channel.openai.responses.create({
      ...{ model: 'gpt-5', input: 'hello', previous_response_id: 'resp_1' },
    });
    await expect(stored).rejects.toMatchObject({ status: 400 });
    await expect(stored).rejects.toThrow(/previous_response_id/);
  });

  it('of a test session is ruled by no cap', async () => {
    await cap('output_tokens', 1n);
    const test = await openTestChannel(doors, 'live', true);
    await openTurn(test, 'turn_test');
    await test.anthropic.messages.create(ask('hello'));
    await test.close();
    expect(await fetchAll()).toMatchObject([{ provider: 'demo', spend: { charges: [] } }]);
  });
});

describe('what happens during a turn', () => {
  it('the end of a window: what began before it counts there, the next call in the new one', async () => {
    const windowMs = 2_000;
    const limit = await cap('output_tokens', 1_000n);
    limit.windowMs = windowMs;
    await changed();
    const window = () => Math.floor(Date.now() / windowMs);
    const held = channel.anthropic.messages.stream(ask(scripted({ text: 'a', hang: true }), 600));
    held.done().catch(() => {});
    await new Promise<void>((resolve) => held.on('text', () => resolve()));
    const begun = window();
    await expect.poll(window, { timeout: 30_000, interval: 50 }).toBeGreaterThan(begun);
    await channel.anthropic.messages.create(ask('hello', 1_000));
    expect(lastSent().max_tokens).toBe(1_000);
    held.abort();
    await expect.poll(() => doors.management.usage(), WAIT).toHaveLength(2);
    const [first, second] = await fetchAll();
    const amounts = [first, second].map((record) => record?.spend.charges[0]?.amount);
    expect(amounts).toContain('600');
    expect(new Set([first, second].map((record) => record?.turn_id))).toEqual(new Set([turn]));
    expect(paper.control.spent(limit.id)).toBe(BigInt(amounts[0] ?? 0) + BigInt(amounts[1] ?? 0));
  });

  it('the org is gone: the next call is refused, and what was leased returns', async () => {
    const limit = await cap('output_tokens', 1_000n);
    await channel.anthropic.messages.create(ask('hello'));
    paper.known = false;
    await changed();
    const before = provider.requests.length;
    const next = channel.anthropic.messages.create(ask('hello'));
    await expect(next).rejects.toMatchObject({ status: 529 });
    expect(provider.requests.length).toBe(before);
    expect(await doors.management.closeTurn(channel.id, turn)).toMatchObject({
      ...{ calls: 2, refusal: { code: 'control_unavailable' } },
    });
    paper.known = true;
    await fetchAll();
    await expect
      .poll(() => paper.control.left(limit, 'all', 0), WAIT)
      .toBe(1_000n - paper.control.spent(limit.id));
  });

  it('many visitors of an embed key: together they stay within its cap, each within his own', async () => {
    const embed = 'emb_1';
    const all = await cap('output_tokens', 2_000n);
    all.scopeOf = ({ embed_key_id }) => embed_key_id;
    const each: PaperCap = { id: `bud_each_${turn}`, metric: 'output_tokens', limit: 400n };
    each.scopeOf = ({ end_user }) => end_user;
    paper.control.caps.push(each);
    await changed();
    const visitors = await Promise.all(
      Array.from({ length: 10 }, async (_, index) => {
        const session = { session_id: `sess_${turn}_${index}` };
        const of = await openTestChannel(doors, 'live', false, session);
        const payer = { ...NO_PAYER, embed_key_id: embed, end_user: `visitor_${index}` };
        const spending = { org_grant: PAPER_GRANT, payer };
        await doors.management.openTurn(of.id, `${turn}_${index}`, spending);
        return of;
      }),
    );
    const before = provider.requests.length;
    // Nobody tells what they took: each is booked at all that it could.
    const cut = scripted({ text: 'hi', break: true });
    const asked = await Promise.allSettled(
      visitors.flatMap(({ anthropic }) =>
        [1, 2].map(() => anthropic.messages.stream(ask(cut, 250)).finalMessage()),
      ),
    );
    expect(asked.every(({ status }) => status === 'rejected')).toBe(true);
    const sent = provider.requests.slice(before).map(({ body }) => JSON.parse(body).max_tokens);
    const sum = sent.reduce((total, tokens) => total + tokens, 0);
    expect(Math.max(...sent)).toBeLessThanOrEqual(250);
    expect(sum).toBeLessThanOrEqual(2_000);
    expect(sum).toBeGreaterThan(2_000 - 256);
    await expect.poll(() => doors.management.usage(), WAIT).toHaveLength(sent.length);
    const records = await fetchAll();
    for (const record of records) expect(record.spend.charges).toHaveLength(2);
    expect(paper.control.spent(all.id)).toBe(BigInt(sum));
    for (const visitor of visitors) await visitor.close();
  });
});

describe('while the control plane is away', () => {
  it('an org without a cap goes on, one that nobody knows is refused for now', async () => {
    const { messages } = channel.anthropic;
    await messages.create(ask('hello'));
    paper.control.up = false;
    await messages.create(ask('hello'));
    await changed();
    await expect(messages.create(ask('hello'))).rejects.toMatchObject({ status: 529 });
    expect(await doors.management.closeTurn(channel.id, turn)).toMatchObject({
      refusal: { code: 'control_unavailable' },
    });
    paper.control.up = true;
    await messages.create(ask('hello'));
  });

  it('a channel whose org nobody has proved is refused', async () => {
    const other = await openTestChannel(doors);
    const refused = other.anthropic.messages.create(ask('hello'));
    await expect(refused).rejects.toMatchObject({ status: 529 });
    await other.close();
  });
});

describe('whether a turn may begin', () => {
  const check = async (grant: string | null = PAPER_GRANT) => {
    const body = { subject: paperSubject(), org_grant: grant };
    const { status, body: answer } = await doors.management.send('POST', '/spend/check', body);
    return status === 200 ? spendCheckAnswer.parse(answer) : status;
  };

  it('is told before anything runs', async () => {
    expect(await check()).toMatchObject({ allowed: true, capped: false });
    const limit = await cap('total_tokens', 1_000n);
    expect(await check()).toEqual({ allowed: true, capped: true, valid_ms: 0 });
    limit.limit = 0n;
    await changed();
    expect(await check()).toMatchObject({ allowed: false, budget: { budget_id: limit.id } });
    expect(await check(null)).toBe(503);
    expect(await check('og1.other')).toBe(503);
  });
});

describe('doors that were killed', () => {
  it('book calls that ran at their reservation, and return the rest of their leases', async () => {
    const limit = await cap('output_tokens', 1_000n);
    const cut = channel.anthropic.messages.stream(ask(scripted({ text: 'a', hang: true }), 300));
    cut.on('error', () => {});
    await new Promise<void>((resolve) => cut.on('text', () => resolve()));
    const ended = once(doors.process, 'exit');
    doors.process.kill('SIGKILL');
    await ended;
    await channel.close().catch(() => {});
    await rm(doors.runtimeDir, { recursive: true, force: true });
    await start();
    await openTurn(channel, turn);
    await channel.anthropic.messages.create(ask('hello', 5_000));
    expect(lastSent().max_tokens).toBe(700);
    const [lost, after] = await fetchAll();
    expect(lost).toMatchObject({
      ...{ estimated: true, output_tokens: 300, spend: { charges: [{ amount: '300' }] } },
    });
    expect(after).toMatchObject({ estimated: false });
    expect(paper.control.spent(limit.id)).toBe(300n + BigInt(after?.output_tokens ?? 0));
    await changed();
    await expect
      .poll(() => paper.control.left(limit, 'all', 0), WAIT)
      .toBe(1_000n - paper.control.spent(limit.id));
  });
});

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${doors.metricsPort}/metrics`)).text();
  const line = text.split('\n').find((entry) => entry.startsWith(`${name} `));
  return Number(line?.split(' ')[1]);
}
