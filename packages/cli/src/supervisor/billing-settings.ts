import { CliError } from '../cli-error.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Billing by Stripe as the environment sets it up, for the control plane's configuration; nothing
 * where nothing is billed. Throws a `CliError` where it is set up in part.
 */
export function billingOf(environment: Environment): { billing?: object } {
  const { KARTA_STRIPE_KEY: key, KARTA_STRIPE_WEBHOOK_SECRET: signing } = environment;
  const { KARTA_STRIPE_PRICE: price, KARTA_BILLING_GRACE_DAYS: days } = environment;
  const given = [key, signing, price].filter(Boolean).length;
  if (given === 0) return {};
  if (given < 3) {
    throw new CliError(
      'usage',
      'Billing by Stripe is set up in part',
      'Set KARTA_STRIPE_KEY, KARTA_STRIPE_WEBHOOK_SECRET and KARTA_STRIPE_PRICE, or none.',
    );
  }
  const grace = days ? { grace_days: graceDays(days) } : {};
  return { billing: { secret_key: key, webhook_secret: signing, price, ...grace } };
}

function graceDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 0 && days <= 90) return days;
  throw new CliError(
    'usage',
    `KARTA_BILLING_GRACE_DAYS cannot be "${text}"`,
    'Set a whole number of days, at most 90.',
  );
}
