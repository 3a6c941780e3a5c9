import { type BillingState, formatDollars, moneyFromWire } from '@karta/protocol';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

/** `karta billing`: how the org stands, and what it must pay. */
export async function showBilling(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  const state = await karta.billing.get();
  if (options.json === true) terminal.json(state);
  else terminal.out(`${described(state)}\nOn no invoice yet: ${dollars(state.unbilled)}\n`);
  return EXIT.ok.code;
}

/** `karta billing invoices` */
export async function listInvoices(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.billing.invoices(),
    {
      columns: [
        ['id', (invoice) => invoice.id],
        ['status', (invoice) => invoice.status],
        ['due', (invoice) => dollars(invoice.amount_due, 2)],
        ['paid', (invoice) => dollars(invoice.amount_paid, 2)],
        ['until', (invoice) => shortTime(invoice.period_ends_at)],
        ['page', (invoice) => invoice.hosted_url],
      ],
      empty: 'No invoices.',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta billing subscribe` and `karta billing portal`: print the address of a page of Stripe's. */
export async function openBillingPage(
  page: 'checkout' | 'portal',
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const made = page === 'checkout' ? await karta.billing.checkout() : await karta.billing.portal();
  if (options.json === true) terminal.json(made);
  else {
    terminal.note('Open this page in a browser; it works for a short time:');
    terminal.out(`${made.url}\n`);
  }
  return EXIT.ok.code;
}

function described(state: BillingState): string {
  const { standing, subscription_status: status, period_ends_at: ends } = state;
  const grace = state.grace_ends_at === null ? '' : ` until ${shortTime(state.grace_ends_at)}`;
  if (standing === 'off') return 'Nothing is billed on this server.';
  if (standing === 'blocked') {
    return 'Nothing runs: the subscription is not paid. karta billing subscribe, or portal.';
  }
  if (standing === 'grace') {
    return `The subscription is not paid (${status ?? 'there is none'}); everything works${grace}.`;
  }
  const then = state.cancels_at_period_end ? 'ends' : 'renews';
  return `The subscription is ${status}${ends === null ? '' : ` and ${then} at ${shortTime(ends)}`}.`;
}

function dollars(money: unknown, digits?: number): string {
  return formatDollars(moneyFromWire(money), digits);
}
