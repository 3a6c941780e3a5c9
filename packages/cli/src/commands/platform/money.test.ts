import { priceList } from '@karta/protocol';
import { BUILT_IN_PRICES } from '@karta/protocol/built-in-prices';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { json, type ScriptedServer, scriptedServer } from '../../../../sdk/test/scripted-server.ts';
import { captured } from '../../../test/captured-terminal.ts';
import { listInvoices, openBillingPage, showBilling } from './billing.ts';
import { showPrices } from './prices.ts';
import { showUsage } from './usage.ts';

/** What the control plane answers, by method and path. */
const answers: Record<string, unknown> = {};
let server: ScriptedServer;

beforeEach(async () => {
  server = await scriptedServer(({ method, url }, response) =>
    json(response, 200, answers[`${method} ${url.pathname}`]),
  );
  vi.stubEnv('KARTA_KEY', `kt_live_${'a'.repeat(32)}`);
  vi.stubEnv('KARTA_CONTROL_URL', server.url);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
});

const usd = (cents: bigint) => ({ amount: (cents * 10_000_000_000n).toString(), unit: 'picousd' });

async function shown(
  command: (terminal: ReturnType<typeof captured>['terminal']) => Promise<number>,
) {
  const { terminal, written } = captured();
  expect(await command(terminal)).toBe(0);
  return written;
}

test('prices are shown in dollars for a million tokens, exactly', async () => {
  const entries = BUILT_IN_PRICES.entries.filter(({ model }) =>
    ['gpt-5-nano', 'gpt-6-sol'].includes(model),
  );
  answers['GET /v1/prices'] = priceList.parse({ version: '7', entries });
  const { out, err } = await shown((terminal) =>
    showPrices({ provider: 'openai', model: 'gpt-6-sol' }, terminal),
  );
  expect(server.seen[0]?.url.search).toBe('?provider=openai&model=gpt-6-sol');
  const lines = out.split('\n').map((line) => line.split(/ {2,}/));
  expect(lines).toContainEqual(
    expect.arrayContaining(['gpt-5-nano', '$0.05', '$0.005', '$0.05', '$0.40']),
  );
  expect(lines).toContainEqual(expect.arrayContaining(['gpt-6-sol', '$2.00', '$10.00', '272000']));
  expect(err).toContain('price book 7');
});

test('usage shows its cost, and that some calls had no price', async () => {
  const counts = {
    calls: 2,
    estimated_calls: 0,
    input_tokens: 5,
    cache_read_tokens: 0,
    cache_write_tokens: 0,
    output_tokens: 1,
    total_tokens: 6,
  };
  const rows = [
    { ...counts, model: 'a', cost: usd(150n), unpriced_calls: 0 },
    { ...counts, model: 'b', cost: usd(0n), unpriced_calls: 2 },
  ];
  const report = { from: '2026-11-01', to: '2026-11-30', rows, next_cursor: null };
  answers['GET /v1/usage'] = report;
  const { out } = await shown((terminal) => showUsage({ by: 'model' }, terminal));
  expect(out).toMatch(/a .*\$1\.500000$/m);
  expect(out).toMatch(/b .*\$0\.000000\+$/m);
});

const state = {
  standing: 'good',
  subscription_status: 'active',
  period_ends_at: '2026-12-01T00:00:00Z',
  cancels_at_period_end: false,
  grace_ends_at: null,
  unbilled: usd(1234n),
};

test.each([
  ['good', {}, 'The subscription is active and renews at'],
  ['good', { cancels_at_period_end: true }, 'and ends at'],
  ['grace', { subscription_status: 'past_due', grace_ends_at: '2026-12-08T00:00:00Z' }, 'past_due'],
  ['grace', { subscription_status: null, grace_ends_at: '2026-12-08T00:00:00Z' }, 'there is none'],
  ['blocked', {}, 'Nothing runs'],
  ['off', {}, 'Nothing is billed on this server.'],
])('billing tells how the org stands: %s %j', async (standing, change, said) => {
  answers['GET /v1/billing'] = { ...state, standing, ...change };
  const { out } = await shown((terminal) => showBilling({}, terminal));
  expect(out).toContain(said);
  expect(out).toContain('On no invoice yet: $12.34');
});

test('invoices are listed, and pages of Stripe printed alone on their line', async () => {
  const invoice = {
    id: 'in_1',
    status: 'open',
    amount_due: usd(999n),
    amount_paid: usd(0n),
    period_starts_at: '2026-11-01T00:00:00Z',
    period_ends_at: '2026-12-01T00:00:00Z',
    hosted_url: null,
    created_at: '2026-12-01T00:00:00Z',
  };
  answers['GET /v1/billing/invoices'] = { invoices: [invoice], next_cursor: null };
  const list = await shown((terminal) => listInvoices({}, terminal));
  expect(list.out).toMatch(/in_1 +open +\$9\.99 +\$0\.00/);
  for (const page of ['checkout', 'portal'] as const) {
    answers[`POST /v1/billing/${page}`] = { url: `https://stripe.test/${page}` };
    const { out } = await shown((terminal) => openBillingPage(page, {}, terminal));
    expect(out).toBe(`https://stripe.test/${page}\n`);
  }
});
