import { newId, UNPRICED, type UsageEvent } from '@karta/protocol';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Answer, SignedIn } from '../identity/testing/identity-ground.ts';
import { type PlaneGround, startPlane } from '../process/testing/plane-ground.ts';
import { bookUsage } from '../usage/book-usage.ts';
import { startReceiver } from '../webhooks/testing/webhook-receiver.ts';
import { cancelDeleted } from './cancel-deleted.ts';
import { stripeClient } from './stripe-client.ts';
import { sweepBilling, unblockAll } from './sweep.ts';
import {
  SECRET_KEY,
  type StripeDouble,
  startStripeDouble,
  WEBHOOK_SECRET,
} from './testing/stripe-double.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
const GRACE_MS = 7 * DAY_MS;
/** Picodollars. */
const CENT = 10_000_000_000n;

let stripe: StripeDouble;
/** As the product calls it. */
let api: Awaited<ReturnType<typeof stripeClient>>;
let plane: PlaneGround;
/** With the role billing in every org of the test. */
let payer: SignedIn;

beforeAll(async () => {
  stripe = await startStripeDouble();
  api = await stripeClient({ secret_key: SECRET_KEY, api_url: stripe.url });
  plane = await startPlane([], {
    billing: {
      secret_key: SECRET_KEY,
      webhook_secret: WEBHOOK_SECRET,
      price: 'price_base',
      api_url: stripe.url,
    },
  });
  payer = await plane.signUp();
});
afterAll(async () => {
  await plane?.close();
  await stripe?.close();
});

const ask = (org: string, method: string, path: string, body: unknown = {}) =>
  plane.call(method, path, { token: payer.token, org, body });

/** An org whose customer is known at Stripe. */
async function customerOrg(): Promise<{ org: string; customer: string }> {
  const org = await plane.org();
  await plane.setRole(org, payer.id, 'billing');
  const page = await ask(org, 'POST', '/v1/billing/checkout');
  expect(page.status, JSON.stringify(page.body)).toBe(201);
  return { org, customer: stripe.customers.at(-1)?.id ?? '' };
}

type Told = ReturnType<StripeDouble['event']>;

async function deliver({ body, headers }: Told): Promise<number> {
  const type = { 'content-type': 'application/json' };
  const answer = await fetch(`${plane.url}/v1/billing/stripe`, {
    method: 'POST',
    headers: { ...type, ...headers },
    body,
  });
  await answer.text();
  return answer.status;
}

async function use(org: string, cost: bigint | null, change: Partial<UsageEvent> = {}) {
  const event: UsageEvent = {
    id: newId('call'),
    org_id: org,
    project_id: 'proj_1',
    session_id: 'sess_1',
    turn_id: null,
    principal_id: 'key_1',
    end_user: null,
    api_key_id: null,
    embed_key_id: null,
    provider: 'anthropic',
    model: 'claude-opus-5-5',
    input_tokens: 1_000,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 10,
    estimated: false,
    paid_by: 'platform',
    spend: { ...UNPRICED, cost: cost?.toString() ?? null },
    mode: 'live',
    at: '2026-11-10T12:00:00Z',
    ...change,
  };
  await plane.database.database.transaction().execute((tx) => bookUsage(tx, [event]));
}

const itemsOf = (invoice: string) => stripe.items.filter((item) => item.invoice === invoice);
const amountsOf = (invoice: string) => itemsOf(invoice).map(({ amount }) => Number(amount));

async function billing(org: string): Promise<Answer['body']> {
  return (await ask(org, 'GET', '/v1/billing')).body;
}

async function isRefused(org: string): Promise<boolean> {
  const denial = await plane.database.database
    .selectFrom('denials')
    .select('id')
    .where('kind', '=', 'unpaid')
    .where('id', '=', org)
    .where('until', '>', new Date())
    .executeTakeFirst();
  return denial !== undefined;
}

it('leads an org to a page of Stripe, as one customer however many ask', async () => {
  const org = await plane.org();
  await plane.setRole(org, payer.id, 'billing');
  const before = stripe.customers.length;
  const pages = await Promise.all(
    [1, 2, 3].map(() =>
      ask(org, 'POST', '/v1/billing/checkout', { return_url: 'https://a.test/' }),
    ),
  );
  expect(pages.map(({ status }) => status)).toEqual([201, 201, 201]);
  expect(pages[0]?.body.url).toMatch(/^https:\/\/checkout\.stripe\.test\//);
  expect(stripe.customers.slice(before)).toMatchObject([
    { metadata: { karta_org: org }, email: payer.email },
  ]);
  const portal = await ask(org, 'POST', '/v1/billing/portal');
  expect(portal.body.url).toMatch(/^https:\/\/portal\.stripe\.test\//);
  const bad = await ask(org, 'POST', '/v1/billing/portal', { return_url: 'javascript:alert(1)' });
  expect(bad.status).toBe(422);
});

it('believes no event without a signature of Stripe, of this body, of these days', async () => {
  const { org, customer } = await customerOrg();
  const subscription = stripe.subscription(customer, 'active');
  const good = stripe.event('customer.subscription.created', subscription);
  const forged = { 'stripe-signature': good.headers['stripe-signature'] ?? '' };
  expect(await deliver({ ...good, headers: {} })).toBe(400);
  expect(await deliver({ body: `${good.body} `, headers: forged })).toBe(400);
  const old = forged['stripe-signature'].replace(/t=\d+/, 't=1700000000');
  expect(await deliver({ ...good, headers: { 'stripe-signature': old } })).toBe(400);
  expect(await billing(org)).toMatchObject({ standing: 'grace', subscription_status: null });
  expect(await deliver(good)).toBe(204);
  expect(await billing(org)).toMatchObject({ standing: 'good', subscription_status: 'active' });
  const again = await ask(org, 'POST', '/v1/billing/checkout');
  expect(again.body.error).toBe('already_exists');
});

it('takes a subscription as it stands at Stripe, in whatever order events come', async () => {
  const { org, customer } = await customerOrg();
  const subscription = stripe.subscription(customer, 'incomplete');
  const created = stripe.event('customer.subscription.created', subscription);
  subscription.status = 'active';
  const updated = stripe.event('customer.subscription.updated', subscription);
  expect([await deliver(updated), await deliver(created)]).toEqual([204, 204]);
  expect(await billing(org)).toMatchObject({ standing: 'good', subscription_status: 'active' });

  const asked = stripe.requests.length;
  expect(await deliver(updated)).toBe(204);
  expect(stripe.requests.length).toBe(asked);

  // One that is over, from before, does not take the place of the one that runs.
  const former = stripe.subscription(customer, 'canceled');
  expect(await deliver(stripe.event('customer.subscription.deleted', former))).toBe(204);
  expect(await billing(org)).toMatchObject({ standing: 'good' });
  // Nor does one of a customer that is not ours touch anybody.
  const stranger = stripe.subscription('cus_stranger', 'active');
  expect(await deliver(stripe.event('customer.subscription.updated', stranger))).toBe(204);
});

it('refuses what an org wants to spend once its grace is over, until it has paid', async () => {
  const { org, customer } = await customerOrg();
  const { database } = plane.database;
  const subscription = stripe.subscription(customer, 'active');
  await deliver(stripe.event('customer.subscription.created', subscription));
  subscription.status = 'past_due';
  await deliver(stripe.event('customer.subscription.updated', subscription));
  expect(await billing(org)).toMatchObject({ standing: 'grace' });

  const graceEnds = Date.parse((await billing(org)).grace_ends_at);
  await sweepBilling(database, GRACE_MS, new Date(graceEnds - 1));
  expect(await isRefused(org)).toBe(false);
  await sweepBilling(database, GRACE_MS, new Date(graceEnds));
  expect(await billing(org)).toMatchObject({ standing: 'blocked' });
  expect(await isRefused(org)).toBe(true);
  // Its people can still reach the page on which they pay.
  expect((await ask(org, 'POST', '/v1/billing/portal')).status).toBe(201);

  subscription.status = 'active';
  await deliver(stripe.event('customer.subscription.updated', subscription));
  expect(await billing(org)).toMatchObject({ standing: 'good', grace_ends_at: null });
  expect(await isRefused(org)).toBe(false);
});

it('bears with an org that never subscribed for the grace, and with all where nothing is billed', async () => {
  const org = await plane.org();
  await plane.setRole(org, payer.id, 'billing');
  const { database } = plane.database;
  await sweepBilling(database, GRACE_MS);
  expect(await billing(org)).toMatchObject({ standing: 'grace' });
  await sweepBilling(database, GRACE_MS, new Date(Date.now() + GRACE_MS + 1));
  expect(await isRefused(org)).toBe(true);
  await unblockAll(database);
  expect(await isRefused(org)).toBe(false);
});

it('puts a line for each model on the draft, rounded up to a cent once', async () => {
  const { org, customer } = await customerOrg();
  await use(org, CENT);
  await use(org, CENT / 2n, { at: '2026-11-12T00:00:00Z' });
  await use(org, 1n, { provider: 'openai', model: 'gpt-6-sol' });
  // None of these cost the platform anything.
  await use(org, 7n * CENT, { paid_by: 'byok' });
  await use(org, 7n * CENT, { mode: 'test' });
  await use(org, 7n * CENT, { provider: 'demo', model: 'claude-demo' });
  await use(org, null, { model: 'unheard-of' });
  const unbilled = (CENT + CENT / 2n + 1n).toString();
  expect((await billing(org)).unbilled).toEqual({ amount: unbilled, unit: 'picousd' });

  const draft = stripe.invoice(customer);
  expect(await deliver(stripe.event('invoice.created', draft))).toBe(204);
  expect(amountsOf(draft.id).sort()).toEqual([1, 2]);
  const [opus] = itemsOf(draft.id).filter(({ amount }) => amount === '2');
  expect(opus).toMatchObject({
    customer,
    currency: 'usd',
    description: 'anthropic claude-opus-5-5: 2 calls, 2000 tokens in, 20 out',
    metadata: { picodollars: (CENT + CENT / 2n).toString() },
  });
  expect((await billing(org)).unbilled.amount).toBe('0');
  const detail = await ask(org, 'GET', `/v1/billing/invoices/${draft.id}`);
  expect(detail.body.lines).toMatchObject([
    { model: 'claude-opus-5-5', from_day: '2026-11-10', to_day: '2026-11-12', calls: 2 },
    { model: 'gpt-6-sol', amount: { amount: CENT.toString() }, cost: { amount: '1' } },
  ]);

  // Each picodollar once: what comes later is for the next invoice, with the part that has no line.
  await use(org, 3n * CENT, { at: '2026-11-10T23:00:00Z' });
  expect(await deliver(stripe.event('invoice.updated', draft))).toBe(204);
  expect(itemsOf(draft.id)).toHaveLength(2);
  const second = stripe.invoice(customer);
  await deliver(stripe.event('invoice.created', second));
  expect(amountsOf(second.id)).toEqual([3]);
});

it.each([
  ['before it had an effect', 'refused'],
  ['after it had', 'unanswered'],
] as const)('puts each line there once when a request fails %s', async (_when, fault) => {
  const { org, customer } = await customerOrg();
  await use(org, 5n * CENT);
  await use(org, 2n * CENT, { model: 'claude-sonnet-5-5' });
  const draft = stripe.invoice(customer);
  const created = stripe.event('invoice.created', draft);
  stripe.fail('POST /v1/invoiceitems', fault);
  expect(await deliver(created)).toBe(500);
  expect(await deliver(created)).toBe(204);
  await Promise.all([deliver(created), deliver(stripe.event('invoice.updated', draft))]);
  expect(amountsOf(draft.id).sort()).toEqual([2, 5]);
  const lines = (await ask(org, 'GET', `/v1/billing/invoices/${draft.id}`)).body.lines;
  expect(lines).toHaveLength(2);
});

it.each([
  ['was refused', 'refused'],
  ['arrived, although nobody was told', 'unanswered'],
] as const)('moves a line that missed its draft when its request %s', async (_what, fault) => {
  const { org, customer } = await customerOrg();
  await use(org, 5n * CENT);
  const missed = stripe.invoice(customer);
  const created = stripe.event('invoice.created', missed);
  stripe.fail('POST /v1/invoiceitems', fault);
  expect(await deliver(created)).toBe(500);
  missed.status = 'open';
  expect(await deliver(created)).toBe(204);
  await use(org, CENT);
  const next = stripe.invoice(customer);
  await deliver(stripe.event('invoice.created', next));
  const arrived = fault === 'unanswered';
  expect(amountsOf(missed.id)).toEqual(arrived ? [5] : []);
  expect(amountsOf(next.id).sort()).toEqual(arrived ? [1] : [1, 5]);
});

it('leaves the ledger for the next invoice when it hears of one that is closed', async () => {
  const { org, customer } = await customerOrg();
  await use(org, 4n * CENT);
  const late = stripe.invoice(customer, { status: 'open' });
  await deliver(stripe.event('invoice.created', late));
  // An invoice that somebody writes by hand is theirs.
  const manual = stripe.invoice(customer, { billing_reason: 'manual' });
  await deliver(stripe.event('invoice.created', manual));
  expect(amountsOf(late.id).concat(amountsOf(manual.id))).toEqual([]);
  const next = stripe.invoice(customer);
  await deliver(stripe.event('invoice.created', next));
  expect(amountsOf(next.id)).toEqual([4]);
});

it('has a last invoice made for what was used before a subscription ended', async () => {
  const { org, customer } = await customerOrg();
  const subscription = stripe.subscription(customer, 'active');
  await deliver(stripe.event('customer.subscription.created', subscription));
  await use(org, 9n * CENT);
  subscription.status = 'canceled';
  const deleted = stripe.event('customer.subscription.deleted', subscription);
  await deliver(deleted);
  await deliver({ ...stripe.event('customer.subscription.updated', subscription) });
  const made = [...stripe.invoices.values()].filter((one) => one.customer === customer);
  expect(made).toHaveLength(1);
  const [last] = made;
  if (last === undefined) throw new Error('no last invoice');
  await deliver(stripe.event('invoice.created', last));
  expect(amountsOf(last.id)).toEqual([9]);
});

it('ends the subscription of an org that was deleted, once, and bills what it used', async () => {
  const { org, customer } = await customerOrg();
  const subscription = stripe.subscription(customer, 'active');
  await deliver(stripe.event('customer.subscription.created', subscription));
  await use(org, 2n * CENT);
  const { database } = plane.database;
  await cancelDeleted(database, api);
  expect(subscription.status).toBe('active');
  await database
    .updateTable('orgs')
    .set({ deleted_at: new Date() })
    .where('id', '=', org)
    .execute();
  await cancelDeleted(database, api);
  await cancelDeleted(database, api);
  expect(subscription.status).toBe('canceled');
  await deliver(stripe.event('customer.subscription.deleted', subscription));
  const asked = stripe.requests.length;
  await cancelDeleted(database, api);
  expect(stripe.requests.length).toBe(asked);
  const last = [...stripe.invoices.values()].find((one) => one.customer === customer);
  if (last === undefined) throw new Error('no last invoice');
  await deliver(stripe.event('invoice.created', last));
  expect(amountsOf(last.id)).toEqual([2]);
});

it('puts nothing on an invoice in another currency', async () => {
  const { org, customer } = await customerOrg();
  await use(org, CENT);
  const euros = stripe.invoice(customer, { currency: 'eur' });
  expect(await deliver(stripe.event('invoice.created', euros))).toBe(204);
  expect(itemsOf(euros.id)).toEqual([]);
  expect(plane.log.join('\n')).toContain('another currency');
});

it('tells endpoints of invoices once, with amounts and no text', async () => {
  const { org, customer } = await customerOrg();
  const receiver = await startReceiver();
  const key = await plane.key(org, 'admin');
  const body = { url: receiver.url, event_types: ['invoice.paid', 'invoice.created'] };
  await plane.call('POST', '/v1/webhooks', { token: key, body });
  const invoice = stripe.invoice(customer, { status: 'open', amount_due: 1234 });
  await deliver(stripe.event('invoice.created', invoice));
  Object.assign(invoice, { status: 'paid', amount_paid: 1234 });
  const paid = stripe.event('invoice.paid', invoice, 'evt_paid');
  await deliver(paid);
  await plane.database.database.deleteFrom('billing_events').where('id', '=', 'evt_paid').execute();
  await deliver(paid);
  const { rows } = await sql<{ body: string }>`
    select body from webhook_events where org_id = ${org} order by type`.execute(
    plane.database.database,
  );
  const told = rows.map((row) => JSON.parse(row.body));
  expect(told.map(({ type }) => type)).toEqual(['invoice.created', 'invoice.paid']);
  expect(told[1].data).toMatchObject({
    invoice_id: invoice.id,
    status: 'paid',
    amount_paid: { amount: (1234n * CENT).toString(), unit: 'picousd' },
  });
  await receiver.close();
});

it('shows invoices to the org alone, in pages', async () => {
  const { org, customer } = await customerOrg();
  const other = await customerOrg();
  const ids: string[] = [];
  for (let n = 0; n < 3; n += 1) {
    const invoice = stripe.invoice(customer, { status: 'open' });
    ids.unshift(invoice.id);
    await deliver(stripe.event('invoice.created', invoice));
  }
  const first = await ask(org, 'GET', '/v1/billing/invoices?limit=2');
  expect(first.body.invoices.map(({ id }: { id: string }) => id)).toEqual(ids.slice(0, 2));
  const rest = await ask(org, 'GET', `/v1/billing/invoices?cursor=${first.body.next_cursor}`);
  expect(rest.body).toMatchObject({ invoices: [{ id: ids[2] }], next_cursor: null });
  const theirs = await ask(other.org, 'GET', `/v1/billing/invoices/${ids[0]}`);
  expect(theirs.status).toBe(404);
  const through = await ask(other.org, 'GET', `/v1/billing/invoices?cursor=${ids[0]}`);
  expect(through.body.invoices).toEqual([]);
});

it('keeps the secrets of Stripe out of logs and answers', async () => {
  const { customer } = await customerOrg();
  stripe.fail(`GET /v1/subscriptions/${stripe.subscription(customer, 'active').id}`, 'refused');
  const failing = [...stripe.subscriptions.values()].at(-1);
  if (failing === undefined) throw new Error('no subscription');
  expect(await deliver(stripe.event('customer.subscription.updated', failing))).toBe(500);
  const log = plane.log.join('\n');
  expect(log).toContain('request failed');
  for (const secret of [SECRET_KEY, WEBHOOK_SECRET]) expect(log).not.toContain(secret);
});
