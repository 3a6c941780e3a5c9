import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outputTokens, withinLimit } from './output-limit.ts';
import { say } from './reply.ts';

const pieces = fc.array(fc.string({ maxLength: 12 }), { maxLength: 12 });

describe('the output limit', () => {
  it('is never passed, and what is said is a beginning of the whole', () => {
    fc.assert(
      fc.property(pieces, pieces, fc.nat(40), (thinking, text, limit) => {
        const reply = { ...say(text), thinking };
        const cut = withinLimit(reply, limit);
        expect(outputTokens(cut)).toBeLessThanOrEqual(limit);
        expect(text.join('').startsWith(cut.text.join(''))).toBe(true);
        expect(thinking.join('').startsWith(cut.thinking.join(''))).toBe(true);
      }),
    );
  });

  it('counts depend on the text alone, however it is cut into pieces', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.nat(30)), (text, cuts) => {
        const at = [0, ...[...cuts].sort((a, b) => a - b), text.length];
        const split = at.slice(1).map((end, index) => text.slice(at[index], end));
        const rejoined = split.join('') === text ? split : [text];
        expect(outputTokens(say(rejoined))).toBe(outputTokens(say([text])));
      }),
    );
  });

  it('says that it was cut', () => {
    expect(withinLimit(say(['abcdefgh']), 1)).toMatchObject({ text: ['abcd'], stop: 'length' });
    expect(withinLimit(say(['abcd']), 1).stop).toBe('end');
    expect(withinLimit(say(['abcd']), null).stop).toBe('end');
  });

  it('leaves out tool calls that do not fit', () => {
    const reply = { ...say(['abcd']), tools: [{ name: 'bash', input: { command: 'ls' } }] };
    expect(withinLimit(reply, 2)).toMatchObject({ text: ['abcd'], tools: [], stop: 'length' });
  });
});
