import { expect, test } from 'vitest';
import { summaryOf } from './test.ts';

const nothing = { triedAgain: [], failed: [], uncaught: [] };

const clean = {
  numPassedTests: 7,
  numFailedTests: 0,
  numPendingTests: 0,
  numTodoTests: 0,
  numFailedTestSuites: 0,
  success: true,
};

test('the last line counts what passed and failed', () => {
  expect(summaryOf(clean, nothing)).toEqual(['7 passed, 0 failed']);
  expect(summaryOf({ ...clean, numFailedTests: 2, success: false }, nothing)).toEqual([
    '7 passed, 2 failed',
  ]);
});

test('what was skipped is told, on a line of its own', () => {
  expect(summaryOf({ ...clean, numPendingTests: 3 }, nothing).slice(0, 1)).toEqual([
    '3 skipped (see above for why)',
  ]);
});

test('a file that does not even load is a failure', () => {
  const broken = { ...clean, numFailedTestSuites: 1, success: false };
  expect(summaryOf(broken, nothing)).toEqual(['7 passed, 1 failed']);
});

test('what passed only when tried again is named, and does not change the count', () => {
  const triedAgain = ['a.test.ts > wobbles', 'b.test.ts > too'];
  expect(summaryOf(clean, { ...nothing, triedAgain })).toEqual([
    '2 passed only when tried again: each is a defect to be found',
    '  a.test.ts > wobbles',
    '  b.test.ts > too',
    '7 passed, 0 failed',
  ]);
});

test('what failed is named once more, beside what nothing caught', () => {
  const report = { ...clean, numFailedTests: 1, success: false };
  const verdicts = {
    ...nothing,
    failed: ['a.test.ts > falls: always'],
    uncaught: ['a pipe broke'],
  };
  expect(summaryOf(report, verdicts)).toEqual([
    '1 failed',
    '  a.test.ts > falls: always',
    '1 thrown with nothing to catch it',
    '  a pipe broke',
    '7 passed, 1 failed',
  ]);
});
