import { expect, test } from 'vitest';
import { permissionAsk, questionAnswers, questionAsk } from './asks.ts';

const request = {
  id: 'per_1',
  sessionID: 'ses_root',
  permission: 'bash',
  patterns: ['npm test', 'ls'],
  always: ['npm *', 'ls *'],
  metadata: {},
};
const question = (options: string[], multiple = false) => ({
  question: 'Which?',
  options: options.map((label) => ({ label })),
  multiple,
});
const asked = (...questions: ReturnType<typeof question>[]) => ({
  id: 'que_1',
  sessionID: 'ses_root',
  questions,
});

test('a permission shows what it is for, and the rule a grant would have', () => {
  expect(permissionAsk(request, 'bash', { command: 'npm test; ls' }, null)).toMatchObject({
    kind: 'permission',
    tool: 'bash',
    message: 'bash: npm test, ls',
    rule: 'bash: ls *, npm *',
    options: ['approve_once', 'approve_session', 'deny'],
  });
});

test('the rule does not depend on the order of the patterns', () => {
  const turned = { ...request, always: ['ls *', 'npm *'] };
  expect(permissionAsk(turned, 'bash', {}, null).rule).toBe(
    permissionAsk(request, 'bash', {}, null).rule,
  );
});

test('without patterns of its own a grant covers this input only', () => {
  expect(permissionAsk({ ...request, always: [] }, 'bash', {}, null).rule).toBeNull();
});

test('one question offers its choices, several offer none', () => {
  expect(questionAsk(asked(question(['A', 'B'])), null).options).toEqual(['A', 'B']);
  const two = questionAsk(asked(question(['A']), question(['C'])), null);
  expect(two).toMatchObject({ options: [], message: 'Which?\nWhich?' });
});

test('an answer is given to its question', () => {
  expect(questionAnswers(asked(question(['A', 'B'])), 'B')).toEqual([['B']]);
  expect(questionAnswers(asked(question(['A', 'B'])), 'something else')).toEqual([
    ['something else'],
  ]);
  expect(questionAnswers(asked(question(['A', 'B'])), '')).toEqual([[]]);
});

test('several questions are answered line by line', () => {
  const two = asked(question(['A', 'B']), question(['C', 'D']));
  expect(questionAnswers(two, 'A\nD')).toEqual([['A'], ['D']]);
  expect(questionAnswers(two, 'A')).toEqual([['A'], []]);
  expect(questionAnswers(two, 'A\nD\nand more')).toEqual([['A'], ['D\nand more']]);
});

test('where several choices may be made they are named with commas between', () => {
  const many = asked(question(['A', 'B', 'C'], true));
  expect(questionAnswers(many, 'A, C')).toEqual([['A', 'C']]);
  expect(questionAnswers(many, 'A, or not')).toEqual([['A, or not']]);
});
