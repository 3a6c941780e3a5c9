import { expect, test } from 'vitest';
import { summaryOf } from './test.ts';

const clean = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numFailedTestSuites: 0,
  success: true,
};

test('the last line counts what passed and failed', () => {
  expect(summaryOf(clean, [])).toEqual(['7 passed, 0 failed']);
  expect(summaryOf({ ...clean, numFailedTests: 2, success: false }, [])).toEqual([
    '7 passed, 2 failed',
  ]);
});

test('what was skipped is told, on a line of its own', () => {
  expect(summaryOf({ ...clean, numPendingTests: 3 }, []).slice(0, 1)).toEqual([
    '3 skipped (see above for why)',
  ]);
});

test('a file that does not even load is a failure', () => {
  const broken = { ...clean, numFailedTestSuites: 1, success: false };
  expect(summaryOf(broken, [])).toEqual(['7 passed, 1 failed']);
});

test('what passed only when tried again is named, and does not change the count', () => {
  expect(summaryOf(clean, ['a.test.ts > wobbles', 'b.test.ts > too'])).toEqual([
    '2 passed only when tried again: each is a defect to be found',
    '  a.test.ts > wobbles',
    '  b.test.ts > too',
    '7 passed, 0 failed',
  ]);
});
