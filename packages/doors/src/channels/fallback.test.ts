import { costOf, NO_PAYER, priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openTestChannel, type TestChannel } from '../testing/open-channel.ts';
import { type PaperPlane, paperOrg, startPaperPlane } from '../testing/paper-plane.ts';
import { servePlain } from '../testing/plain-server.ts';
import { ScriptedAnswers } from '../testing/scripted-answers.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

const FALLBACK = [
  'bedrock/anthropic.claude-x',
  'openrouter/anthropic/claude-sonnet-4.5',
  'openai-compatible/llama',
];
/** So that a test does not wait for attempts that come to nothing. */
const DOWN = { status: 503, headers: { 'x-should-retry': 'false' } };
const OWN = 'sk-own-of-org-1-fedcba9876543210';

/** A provider of its own each, with what it is to answer. */
async function provider() {
  const answers = new ScriptedAnswers();
  const server = await servePlain({ before: answers.before });
  return { answers, server, base_url: `${server.origin}/openai/v1` };
}
type Provider = Awaited<ReturnType<typeof provider>>;

let [openai, openrouter, compatible] = [] as unknown as [Provider, Provider, Provider];
let plane: PaperPlane;
let doors: StartedDoors;
let channel: TestChannel;
let plain: TestChannel;
let turns = 0;

beforeAll(async () => {
  [openai, openrouter, compatible] = [await provider(), await provider(), await provider()];
  plane = await startPaperPlane();
  doors = await startDoors({
    control: plane.control,
    own_keys: { allow_private: ['127.0.0.1'] },
    upstreams: [
      { id: 'openai', base_url: openai.base_url, api_key: 'k-openai' },
      { id: 'openrouter', base_url: openrouter.base_url, api_key: 'k-openrouter' },
      {
        id: 'openai-compatible',
        base_url: compatible.base_url,
        api_key: 'k-compatible',
        responses: false,
      },
    ],
  });
  channel = await openTestChannel(doors, 'live', false, { fallback: FALLBACK });
  plain = await openTestChannel(doors);
});
afterAll(async () => {
  await channel?.close();
  await plain?.close();
  await doors?.stop();
  await plane?.close();
  await Promise.all([openai, openrouter, compatible].map((each) => each?.server.close()));
});
beforeEach(async () => {
  plane.orgs.clear();
  plane.orgs.set('org_1', paperOrg([]));
  await doors.management.send('POST', '/invalidate', { org_ids: ['org_1'] });
  turns += 1;
  for (const each of [channel, plain]) await doors.management.openTurn(each.id, turn(), SPENDING);
});
afterEach(async () => {
  for (const { answers, server } of [openai, openrouter, compatible]) {
    answers.set();
    server.requests.length = 0;
  }
  const records = await doors.management.usage();
  await doors.management.ackUsage(records.at(-1)?.seq ?? 0);
});

const SPENDING = { org_grant: 'grant of org_1', payer: NO_PAYER };
const turn = () => `turn_${turns}`;
const closed = (of = channel) => doors.management.closeTurn(of.id, turn());
const messages = [{ role: 'user' as const, content: 'hello' }];
const ask = (of = channel, model = 'gpt-5') =>
  of.openai.chat.completions.create({ model, messages });
const own = (provider: string, more: Record<string, string> = {}) => ({
  id: `pkey_of_${provider}`,
  provider,
  secret: { api_key: OWN, ...more },
});
/** Who was asked for which model, in the order of the providers. */
const asked = () =>
  Object.fromEntries(
    Object.entries({ openai, openrouter, compatible })
      .map(([name, { server }]) => [
        name,
        server.requests.map(({ body }) => JSON.parse(body).model),
      ])
      .filter(([, models]) => models?.length),
  );

describe('a call whose upstream is down', () => {
  it('is answered by the first model of the list that can, at its price and under its name', async () => {
    openai.answers.set(DOWN);
    const { usage } = await ask();
    expect(asked()).toEqual({ openai: ['gpt-5'], openrouter: ['anthropic/claude-sonnet-4.5'] });
    const model = 'anthropic/claude-sonnet-4.5';
    const [record] = await doors.management.usage();
    expect(record).toMatchObject({ provider: 'openrouter', model, paid_by: 'platform' });
    expect(record?.output_tokens).toBe(usage?.completion_tokens);
    const price = priceOf(BUILT_IN_PRICE_BOOK, 'openrouter', model, Date.now());
    expect(record?.spend.cost).toBe(price && record && costOf(price, record).toString());
    const instead_of = { provider: 'openai', model: 'gpt-5' };
    expect(await closed()).toMatchObject({
      calls: 1,
      fallbacks: [{ provider: 'openrouter', model, instead_of, calls: 1 }],
      refusal: null,
    });
  });

  it('streams from there too', async () => {
    openai.answers.set(DOWN);
    const stream = channel.openai.chat.completions.stream({ model: 'gpt-5', messages });
    expect((await stream.finalChatCompletion()).choices[0]?.message.content).toContain('demo');
    expect(Object.keys(asked())).toEqual(['openai', 'openrouter']);
  });

  it('goes on down the list, and ends with what the last one said', async () => {
    openai.answers.set(DOWN);
    openrouter.answers.set(DOWN);
    await ask();
    expect(asked()).toMatchObject({ compatible: ['llama'] });
    openai.answers.set(DOWN);
    openrouter.answers.set(DOWN);
    const error = { type: 'server_error', message: 'the last one is busy' };
    compatible.answers.set({ ...DOWN, status: 529, error });
    await expect(ask()).rejects.toMatchObject({ status: 529, error });
    expect(await closed()).toMatchObject({ calls: 2, fallbacks: [{ calls: 1 }] });
  });

  it('passes over what lacks the wire: a server without Responses', async () => {
    for (const { answers } of [openai, openrouter]) answers.set(DOWN);
    const failed = channel.openai.responses.create({ model: 'gpt-5', input: 'x' });
    await expect(failed).rejects.toMatchObject({ status: 503 });
    expect(compatible.server.requests).toHaveLength(0);
  });

  it('is not sent elsewhere where the application names nothing, or it is no use', async () => {
    openai.answers.set(DOWN);
    await expect(ask(plain)).rejects.toMatchObject({ status: 503 });
    openai.answers.set({ status: 400 });
    await expect(ask()).rejects.toMatchObject({ status: 400 });
    openai.answers.set('cut', 'cut', 'cut');
    await expect(ask()).rejects.toMatchObject({ status: 502 });
    expect(openrouter.server.requests).toHaveLength(0);
    expect((await closed()).fallbacks).toEqual([]);
  });
});

describe('keys of the org', () => {
  const withKeys = async (...given: Parameters<typeof paperOrg>) => {
    plane.orgs.set('org_1', paperOrg(...given));
    await doors.management.send('POST', '/invalidate', { org_ids: ['org_1'] });
  };
  const keysAt = ({ server }: Provider) =>
    server.requests.map(({ headers }) => headers.authorization?.replace('Bearer ', ''));

  it('are never left for the platform’s by a fallback', async () => {
    await withKeys([own('openai')]);
    openai.answers.set(DOWN);
    await expect(ask()).rejects.toMatchObject({ status: 503 });
    expect([keysAt(openai), keysAt(openrouter)]).toEqual([[OWN], []]);
  });

  it('are left for it where the org allows that', async () => {
    await withKeys([own('openai')], { platform_fallback: true });
    openai.answers.set(DOWN);
    await ask();
    expect(keysAt(openrouter)).toEqual(['k-openrouter']);
    expect(await doors.management.usage()).toMatchObject([{ paid_by: 'platform' }]);
  });

  it('pay for a fallback to their provider', async () => {
    await withKeys([own('openrouter'), own('openai')]);
    openai.answers.set(DOWN);
    await ask(channel, 'openai/gpt-5');
    expect([keysAt(openai), keysAt(openrouter)]).toEqual([[OWN], [OWN]]);
    expect(await doors.management.usage()).toMatchObject([
      { paid_by: 'byok', provider: 'openrouter', spend: { own_key_id: 'pkey_of_openrouter' } },
    ]);
  });

  it('come before the platform’s, in their order, where they have the wire', async () => {
    const base_url = compatible.base_url;
    await withKeys([own('openai-compatible', { base_url }), own('openrouter')]);
    await ask(plain, 'some-model');
    await plain.openai.responses.create({ model: 'gpt-5', input: 'x' });
    expect(asked()).toEqual({ compatible: ['some-model'], openrouter: ['openai/gpt-5'] });
    expect([keysAt(compatible), keysAt(openrouter)]).toEqual([[OWN], [OWN]]);
    await withKeys([own('openai-compatible', { base_url, apis: 'chat,responses' })]);
    await plain.openai.responses.create({ model: 'gpt-5', input: 'x' });
    expect(keysAt(compatible)).toEqual([OWN, OWN]);
  });
});

describe('a model that is named with its provider', () => {
  it('is asked for there alone, by its own name', async () => {
    await ask(plain, 'openrouter/openai/gpt-5');
    await ask(plain, 'openai-compatible/meta/llama');
    await ask(plain, 'openai/gpt-5');
    await ask(plain, 'meta/llama');
    expect(asked()).toEqual({
      openrouter: ['openai/gpt-5'],
      compatible: ['meta/llama'],
      openai: ['gpt-5', 'meta/llama'],
    });
  });

  it('is refused, in the words of the wire, where nobody offers it', async () => {
    const body = { model: 'vertex/claude-x', max_tokens: 9, messages };
    const refused = await plain.anthropic.messages.create(body).catch((error) => error);
    expect(refused).toMatchObject({ status: 404, type: 'not_found_error' });
    expect(refused.message).toContain('vertex');
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect((await closed(plain)).calls).toBe(0);
  });
});
