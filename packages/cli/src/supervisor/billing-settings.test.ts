import { describe, expect, it } from 'vitest';
import { billingOf } from './billing-settings.ts';

const ALL = {
  KARTA_STRIPE_KEY: 'sk_test_1',
  KARTA_STRIPE_WEBHOOK_SECRET: 'whsec_1',
  KARTA_STRIPE_PRICE: 'price_1',
};

describe('billing in the environment', () => {
  it('is off where nothing is set', () => {
    expect(billingOf({})).toEqual({});
    expect(billingOf({ KARTA_STRIPE_KEY: '' })).toEqual({});
  });

  it('is on with all three settings', () => {
    const billing = { secret_key: 'sk_test_1', webhook_secret: 'whsec_1', price: 'price_1' };
    expect(billingOf(ALL)).toEqual({ billing });
    expect(billingOf({ ...ALL, KARTA_BILLING_GRACE_DAYS: '14' })).toEqual({
      billing: { ...billing, grace_days: 14 },
    });
  });

  it.each(Object.keys(ALL))('is a mistake without %s', (name) => {
    expect(() => billingOf({ ...ALL, [name]: undefined })).toThrow('set up in part');
  });

  it.each(['-1', '1.5', 'soon', '91'])('has no grace of %s days', (days) => {
    expect(() => billingOf({ ...ALL, KARTA_BILLING_GRACE_DAYS: days })).toThrow(`"${days}"`);
  });
});
