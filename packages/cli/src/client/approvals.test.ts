import { expect, test } from 'vitest';
import { inputText, questionText } from './approvals.ts';

const CONTROL = /[\p{Cc}\p{Bidi_Control}]/u;

test('neither a question nor its options steer the terminal', () => {
  const shown = questionText({ message: 'Which\x1b[2J?', options: ['a\x1b]0;x\x07', 'b\u202ec'] });
  expect(shown).toBe('Which[2J? (a]0;x, bc)');
  expect(shown).not.toMatch(CONTROL);
  expect(questionText({ message: 'Well?', options: [] })).toBe('Well?');
});

test('a tool input that is cut says so', () => {
  expect(inputText({ command: 'ls' })).toBe('{"command":"ls"}');
  const long = inputText({ command: `echo ${' '.repeat(50)}${'x'.repeat(2000)}; rm -rf .` });
  expect(long).toMatch(/ \[\d+ more characters not shown\]$/);
  expect(inputText({ command: '\x1b[2J\u202e' })).not.toMatch(CONTROL);
});
