import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDollars, moneyFromWire, moneyToWire, PICODOLLARS_PER_DOLLAR } from './money.ts';

describe('money on the wire', () => {
  it('comes back exactly, whatever its size', () => {
    fc.assert(
      fc.property(fc.bigInt(), (amount) => {
        const wire = JSON.parse(JSON.stringify(moneyToWire(amount)));
        expect(moneyFromWire(wire)).toBe(amount);
      }),
    );
    expect(moneyToWire(30450000000n)).toEqual({ amount: '30450000000', unit: 'picousd' });
  });

  it('is refused as anything but an integer in picodollars', () => {
    for (const amount of ['1.5', '1e3', '01', '', ' 1', '+1', '0x1', 1, null]) {
      expect(() => moneyFromWire({ amount, unit: 'picousd' }), String(amount)).toThrow();
    }
    expect(() => moneyFromWire({ amount: '1', unit: 'usd' })).toThrow();
    expect(() => moneyFromWire({ amount: '1', unit: 'picousd', extra: 1 })).toThrow();
  });
});

describe('money for people', () => {
  it('is rounded up, so that nothing looks free', () => {
    expect(formatDollars(30_450_000_000n)).toBe('$0.030450');
    expect(formatDollars(1n)).toBe('$0.000001');
    expect(formatDollars(0n)).toBe('$0.000000');
    expect(formatDollars(PICODOLLARS_PER_DOLLAR)).toBe('$1.000000');
    expect(formatDollars(PICODOLLARS_PER_DOLLAR * 3n - 1n, 2)).toBe('$3.00');
    expect(formatDollars(PICODOLLARS_PER_DOLLAR * 2n, 0)).toBe('$2');
    expect(formatDollars(-30_450_000_000n)).toBe('-$0.030450');
  });

  it('is never less than the amount nor more than one step above', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n }), fc.integer({ min: 0, max: 12 }), (amount, digits) => {
        const step = 10n ** BigInt(12 - digits);
        const shown = BigInt(formatDollars(amount, digits).replace(/[$.]/g, '')) * step;
        expect(shown >= amount && shown - amount < step).toBe(true);
      }),
    );
  });
});
