import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PromptMessage } from '../prompt.ts';
import { Attempts } from './attempts.ts';
import { scriptIn, scriptStep } from './parse.ts';
import { positionIn } from './position.ts';
import { replyOf } from './reply.ts';

const user = (...texts: string[]): PromptMessage => ({ role: 'user', texts, other: [], media: 0 });
const result: PromptMessage = { role: 'user', texts: [], other: ['out'], media: 0 };
const assistant: PromptMessage = { role: 'assistant', texts: ['x'], other: [], media: 0 };
const SCRIPT = 'go @@[{"text":"a"},{"text":"b"},{"text":"c"}]@@';

describe('the position in a script', () => {
  it('is the number of assistant turns after the scripted message', () => {
    expect(positionIn([user(SCRIPT)])).toMatchObject({ index: 0, step: { text: 'a' } });
    expect(positionIn([user(SCRIPT), assistant, result])).toMatchObject({ step: { text: 'b' } });
  });

  it('counts a turn of several items once', () => {
    const run = [user(SCRIPT), assistant, assistant, assistant, result, result];
    expect(positionIn(run)?.index).toBe(1);
  });

  it('is over after the last step', () => {
    const turns = Array.from({ length: 3 }, () => [assistant, result]).flat();
    expect(positionIn([user(SCRIPT), ...turns])?.step).toBeNull();
  });

  it('starts again with a newer script and ends with a newer plain message', () => {
    const next = user('@@[{"text":"new"}]@@');
    expect(positionIn([user(SCRIPT), assistant, next])).toMatchObject({ step: { text: 'new' } });
    expect(positionIn([user(SCRIPT), assistant, user('and now?')])).toBeNull();
  });

  it.each([
    '<system-reminder>\nnote\n</system-reminder>',
    '<task-notification><task-id>1</task-id></task-notification>',
    'Continue from where you left off.',
    'Summarize the task tool output above and continue with your task.',
    '[Request interrupted by user for tool use]',
  ])('is not moved by what a harness says itself: %s', (note) => {
    const messages = [user(SCRIPT), assistant, user(note)];
    expect(positionIn(messages)).toMatchObject({ index: 1, step: { text: 'b' } });
  });

  it('is found beside notes of the harness in the same message', () => {
    const note = '<system-reminder>the user likes @@[{"text":"no"}]@@</system-reminder>';
    expect(positionIn([user(note, SCRIPT)])).toMatchObject({ step: { text: 'a' } });
  });
});

describe('scripts in a text', () => {
  it('a carried script is read when no own one is there', () => {
    expect(scriptIn('do %%[{"text":"sub"}]%%')).toBe('[{"text":"sub"}]');
    const inner =
      '@@[{"tools":[{"name":"task","input":{"prompt":"%%[{\\"text\\":\\"x\\"}]%%"}}]}]@@';
    expect(scriptIn(inner)).toBe(inner.slice(2, -2));
    expect(scriptIn('nothing @@ here [')).toBeNull();
  });
});

describe('the pieces of a text', () => {
  const pieces = (text: string, n: number) => replyOf(scriptStep.parse({ text, n })).text;

  it('are n, and make up the text when it has enough characters', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.integer({ min: 1, max: 60 }),
        (text, n) => {
          const made = pieces(text, n);
          expect(made).toHaveLength(n);
          const whole = [...text].length >= n || n === 1 ? text : text.repeat(n);
          expect(made.join('')).toBe(whole);
        },
      ),
    );
  });

  it('are the text over and over when it is shorter than that', () => {
    expect(pieces('ab', 3)).toEqual(['ab', 'ab', 'ab']);
  });
});

describe('tries', () => {
  it('are counted by key and forgotten oldest first', () => {
    const attempts = new Attempts();
    expect([attempts.next('a'), attempts.next('a'), attempts.next('b')]).toEqual([0, 1, 0]);
    for (let index = 0; index < 10_000; index += 1) attempts.next(`k${index}`);
    expect(attempts.next('k9999')).toBe(1);
    expect(attempts.next('a')).toBe(0);
  });
});
