import { join } from 'node:path';
import {
  costOf,
  createdWebhook,
  priceOf,
  type Usage,
  type UsageReport,
  type WebhookEventType,
  webhookBody,
} from '@karta/protocol';
import { BUILT_IN_PRICE_BOOK } from '@karta/protocol/built-in-prices';
import { Webhook as Verifier } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  startReceiver,
  type WebhookReceiver,
} from '../../packages/control-plane/src/webhooks/testing/webhook-receiver.ts';
import { archiveOfFolder } from './archive.ts';
import { type Builder, builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

const SUPPORT_BOT = join(import.meta.dirname, '../../examples/support-bot');
const SECRET_WORDS = 'zanzibar-umbrella';

let planes: TwoPlanes;
let builder: Builder;
let receiver: WebhookReceiver;

beforeAll(async () => {
  planes = await startTwoPlanes();
  builder = builderOn(planes);
  receiver = await startReceiver();
  await builder.publish('support-bot', await archiveOfFolder(SUPPORT_BOT));
});
afterAll(async () => {
  await planes?.stop();
  await receiver?.close();
});

const spent: Usage[] = [];

async function say(sessionId: string, text: string): Promise<void> {
  const path = `/v1/projects/support-bot/sessions/${sessionId}/messages`;
  const answer = await builder.data(path, 'POST', { text });
  expect(answer.stop_reason).toBe('end_turn');
  spent.push(answer.usage as Usage);
}

/** What the control plane has booked, in the counts of a turn. */
async function booked(): Promise<{ input: number; output: number }> {
  const report = (await builder.control(
    '/v1/usage?group_by=project,mode',
  )) as unknown as UsageReport;
  const [row] = report.rows;
  return { input: row?.input_tokens ?? 0, output: row?.output_tokens ?? 0 };
}

/** What the report says that it cost, and what it must have cost by the price book. */
async function costs(): Promise<{ told: string | undefined; reckoned: string; unpriced: number }> {
  const { rows } = (await builder.control('/v1/usage?group_by=provider')) as unknown as UsageReport;
  const [row] = rows;
  const price = priceOf(BUILT_IN_PRICE_BOOK, 'demo', 'any', Date.now());
  if (row === undefined || price === null) throw new Error('nothing was used');
  const reckoned = costOf(price, row).toString();
  return { told: row.cost.amount, reckoned, unpriced: row.unpriced_calls };
}

function total(): { input: number; output: number } {
  return {
    input: spent.reduce((sum, usage) => sum + usage.input_tokens, 0),
    output: spent.reduce((sum, usage) => sum + usage.output_tokens, 0),
  };
}

test('what a turn used is booked by the control plane and told to webhooks, without a word', async () => {
  const made = createdWebhook.parse(
    await builder.control('/v1/webhooks', 'POST', { url: receiver.url }),
  );
  const session = await builder.data('/v1/projects/support-bot/sessions', 'POST', {});
  await say(session.id as string, `hello, ${SECRET_WORDS}`);
  await expect.poll(booked, { timeout: 15_000 }).toEqual(total());
  const { told: cost, reckoned, unpriced } = await costs();
  expect({ cost, unpriced }).toEqual({ cost: reckoned, unpriced: 0 });
  expect(BigInt(cost ?? 0)).toBeGreaterThan(0n);

  const told = () => receiver.received.map(({ body }) => JSON.parse(body).type as WebhookEventType);
  await expect.poll(told, { timeout: 15_000 }).toEqual(['session.created', 'turn.completed']);
  for (const { body, headers } of receiver.received) {
    const event = new Verifier(made.secret).verify(body, headers as Record<string, string>);
    expect(body).not.toContain(SECRET_WORDS);
    expect(event).toMatchObject({ data: { session_id: session.id, mode: 'live' } });
  }
  const turn = webhookBody('turn.completed').parse(JSON.parse(receiver.received[1]?.body ?? ''));
  expect(turn.data).toMatchObject({ stop_reason: 'end_turn', usage: spent[0] });

  const path = `/v1/projects/support-bot/sessions/${session.id}`;
  await builder.ask(`${planes.data.url}${path}`, 'DELETE');
  await expect.poll(told, { timeout: 15_000 }).toContain('session.ended');
});

test('usage waits while the control plane is away, through a restart of the node, and counts once', async () => {
  const session = await builder.data('/v1/projects/support-bot/sessions', 'POST', {});
  await planes.stopControl();
  await say(session.id as string, 'while you were away');
  await planes.stopData();
  await planes.startControl();
  await planes.startData();
  await expect.poll(booked, { timeout: 30_000 }).toEqual(total());
  await say(session.id as string, 'and again');
  await expect.poll(booked, { timeout: 15_000 }).toEqual(total());
});

test('an org that has not paid has its messages refused before anything runs, until it has', async () => {
  const session = await builder.data('/v1/projects/support-bot/sessions', 'POST', {});
  const path = `/v1/projects/support-bot/sessions/${session.id}`;
  const send = () => builder.ask(`${planes.data.url}${path}/messages`, 'POST', { text: 'hello' });
  await planes.stopControl();
  await planes.startControl({
    billing: {
      secret_key: 'sk_test_of_nobody',
      webhook_secret: 'whsec_of_nobody',
      price: 'price_none',
      grace_days: 0,
      api_url: 'http://127.0.0.1:9',
    },
  });
  await expect.poll(async () => (await send()).status, { timeout: 15_000 }).toBe(402);
  const refused = await send();
  expect(await refused.json()).toMatchObject({
    error: 'subscription_unpaid',
    reason: 'subscription_unpaid',
  });
  // What there is can be read, and the control plane works: somebody must be able to pay.
  expect((await builder.data(path)).id).toBe(session.id);
  await builder.control('/v1/usage');
  // Where nothing is billed any more nobody is refused for it.
  await planes.stopControl();
  await planes.startControl();
  await expect.poll(async () => (await send()).status, { timeout: 15_000 }).toBe(200);
});
