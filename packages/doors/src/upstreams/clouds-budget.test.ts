import { costOf, NO_PAYER, priceOf } from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { PaperCap } from '../budgets/testing/paper-control.ts';
import { PAPER_GRANT, type PaperServer, servePaper } from '../budgets/testing/paper-server.ts';
import { type BedrockServer, serveBedrock } from '../testing/bedrock-server.ts';
import { newServiceAccount } from '../testing/google-account.ts';
import { openTestChannel, scripted, type TestChannel } from '../testing/open-channel.ts';
import { type PaperCaps, paperCaps } from '../testing/paper-caps.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';
import { serveVertex, type VertexServer } from '../testing/vertex-server.ts';

const REGION = 'eu-west-1';
const KEY = {
  access_key_id: 'AKIAPLATFORM00000001',
  secret_access_key: 'platform/secret/of/forty/characters/0123',
};
const google = newServiceAccount('platform-project');
/** More than a double holds. */
const LONG = '12345678901234567890123';

let paper: PaperServer;
let caps: PaperCaps;
let bedrock: BedrockServer;
let vertex: VertexServer;
let doors: StartedDoors;
let channel: TestChannel;
let turns = 0;
let turn = '';

beforeAll(async () => {
  paper = await servePaper();
  caps = paperCaps(paper, () => doors);
  bedrock = await serveBedrock({ keys: [KEY], region: REGION });
  vertex = await serveVertex([google]);
  const service_account = google.file;
  const addresses = { base_url: vertex.baseUrl, token_url: vertex.tokenUrl };
  doors = await startDoors({
    control: paper.link,
    upstreams: [
      { id: 'bedrock', region: REGION, ...KEY, base_url: bedrock.origin },
      { id: 'vertex', location: 'us-east5', service_account, ...addresses },
    ],
  });
  channel = await openTestChannel(doors);
});
afterAll(async () => {
  await channel?.close();
  await doors?.stop();
  for (const started of [paper, bedrock, vertex]) await started?.close();
});
beforeEach(async () => {
  turns += 1;
  turn = `turn_${turns}`;
  bedrock.requests.length = 0;
  vertex.requests.length = 0;
  const spending = { org_grant: PAPER_GRANT, payer: NO_PAYER };
  await doors.management.openTurn(channel.id, turn, spending);
});
afterEach(async () => {
  await doors.management.closeTurn(channel.id, turn);
  await caps.clear();
});

const booked = () => caps.booked();
const cap = (metric: PaperCap['metric'], limit: bigint) => caps.add(metric, limit, turn);

/** Each cloud: how a model of it is asked for, and what is booked. */
const CLOUDS = [
  ['bedrock', 'claude-sonnet-4-6', 'eu.anthropic.claude-sonnet-4-6'],
  ['vertex', 'vertex/claude-sonnet-4-6', 'regional/claude-sonnet-4-6'],
] as const;

const sentTo = (cloud: 'bedrock' | 'vertex') => ({ bedrock, vertex })[cloud].requests;
const lastTo = (cloud: 'bedrock' | 'vertex') => JSON.parse(sentTo(cloud).at(-1)?.body ?? 'null');

const ask = (model: string, content = 'hello', max_tokens = 8_000) => ({
  model,
  max_tokens,
  messages: [{ role: 'user' as const, content }],
});

describe.each(CLOUDS)('a call through %s under a cap', (cloud, model, bookedAs) => {
  it('on tokens is sent with less output and less thinking, and settled', async () => {
    const limit = await cap('output_tokens', 2_000n);
    const thinking = { type: 'enabled' as const, budget_tokens: 7_000 };
    const stream = channel.anthropic.messages.stream({
      ...ask(model, scripted({ text: 'abcdefgh' })),
      thinking,
    });
    const { usage } = await stream.finalMessage();
    expect(lastTo(cloud)).toMatchObject({ max_tokens: 2_000, thinking: { budget_tokens: 1_744 } });
    const charges = [{ amount: String(usage.output_tokens) }];
    expect(await booked()).toMatchObject([
      { provider: cloud, model: bookedAs, estimated: false, spend: { charges, exceeded: false } },
    ]);
    expect(paper.control.spent(limit.id)).toBe(BigInt(usage.output_tokens));
  });

  it("on cost is bounded and booked at the cloud's own price", async () => {
    const limit = await cap('cost', 30_000_000_000n);
    await channel.anthropic.messages.create(ask(model, scripted({ text: 'abcdefgh' })));
    const price = priceOf(BUILT_IN_PRICE_BOOK, cloud, bookedAs, Date.now());
    const plain = priceOf(BUILT_IN_PRICE_BOOK, 'anthropic', 'claude-sonnet-4-6', Date.now());
    const { max_tokens } = lastTo(cloud);
    expect(max_tokens).toBeGreaterThan(100);
    const counts = { input_tokens: 0, cache_read_tokens: 0, cache_write_tokens: 0 };
    const most = { ...counts, output_tokens: max_tokens };
    expect(price && costOf(price, most)).toBeLessThan(limit.limit);
    const [record] = await booked();
    const cost = (of: typeof price) => of && record && costOf(of, record);
    expect(cost(price)).toBeGreaterThan(cost(plain) ?? 0n);
    expect(record).toMatchObject({
      ...{ provider: cloud, model: bookedAs, estimated: false },
      spend: { cost: String(cost(price)), charges: [{ amount: String(cost(price)) }] },
    });
    expect(paper.control.spent(limit.id)).toBe(cost(price));
  });

  it('that does not cover it reaches nobody; counting its tokens costs nothing and goes on', async () => {
    const limit = await cap('cost', 1_000_000n);
    const refused = channel.anthropic.messages.create(ask(model));
    await expect(refused).rejects.toMatchObject({ status: 402, type: 'billing_error' });
    expect(sentTo(cloud)).toEqual([]);
    const { messages } = ask(model);
    const counted = await channel.anthropic.messages.countTokens({ model, messages });
    expect(counted.input_tokens).toBeGreaterThan(0);
    expect(await booked()).toEqual([]);
    expect(paper.control.spent(limit.id)).toBe(0n);
    expect(await doors.management.closeTurn(channel.id, turn)).toMatchObject({
      ...{ usage: { total_tokens: 0 }, refusal: { code: 'budget_exhausted' } },
    });
  });

  it('whose count was never told is booked at all that it could take', async () => {
    await cap('output_tokens', 700n);
    const broken = ask(model, scripted({ text: 'hi', break: true }));
    await channel.anthropic.messages
      .stream(broken)
      .finalMessage()
      .catch(() => {});
    await expect.poll(() => doors.management.usage()).toHaveLength(1);
    expect(await booked()).toMatchObject([
      { provider: cloud, estimated: true, spend: { charges: [{ amount: '700' }] } },
    ]);
  });

  it.each([false, true])(
    'or without (%s) has every digit that it was asked with',
    async (capped) => {
      if (capped) await cap('output_tokens', 2_000n);
      const call = `{"type":"tool_use","id":"t","name":"n","input":{"id":${LONG},"rate":0.1000}}`;
      const result = '{"type":"tool_result","tool_use_id":"t","content":"ok"}';
      const messages = `[{"role":"user","content":"hi"},{"role":"assistant","content":[${call}]},{"role":"user","content":[${result}]}]`;
      const scoped =
        '[{"type":"text","text":"s","cache_control":{"type":"ephemeral","scope":"global"}}]';
      const body = `{"model":"${model}","max_tokens":500,"system":${scoped},"messages":${messages}}`;
      const answer = await fetch(`${channel.origin}/anthropic/v1/messages`, {
        method: 'POST',
        headers: { 'x-api-key': channel.credential, 'content-type': 'application/json' },
        body,
      });
      expect(answer.status).toBe(200);
      await answer.text();
      const sent = sentTo(cloud).at(-1)?.body ?? '';
      expect(sent).toContain(`"input":{"id":${LONG},"rate":`);
      expect(sent).not.toContain('scope');
    },
  );
});
