import { expect, test } from 'vitest';
import { RUNNER_LIMITS } from './limits.ts';
import { defaultMemoryBudget } from './memory-budget.ts';

const GB = 1024 ** 3;

test('a share of the machine, or of the container when that is less', () => {
  expect(defaultMemoryBudget(100 * GB, 0)).toBe(Math.floor(70 * GB));
  expect(defaultMemoryBudget(100 * GB, 10 * GB)).toBe(Math.floor(7 * GB));
  expect(defaultMemoryBudget(100 * GB, 2 ** 63)).toBe(Math.floor(70 * GB));
});

test('room for one sandbox on the smallest machine', () => {
  expect(defaultMemoryBudget(GB / 2, 0)).toBe(RUNNER_LIMITS.leastBudgetBytes);
});
