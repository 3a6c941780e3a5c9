import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nearestName } from './suggest.ts';

const FIELDS = ['metadata', 'session_id', 'match', 'project', 'text', 'stream', 'if_busy'];

describe('nearestName', () => {
  it.each([
    ['metdata', 'metadata'],
    ['sessionId', 'session_id'],
    ['session-id', 'session_id'],
    ['SESSION_ID', 'session_id'],
    ['strem', 'stream'],
    ['streaming', null],
    ['txt', 'text'],
    ['ifbusy', 'if_busy'],
    ['message', null],
    ['x', null],
    ['', null],
  ])('of %j is %j', (typed, meant) => {
    expect(nearestName(typed, FIELDS)).toBe(meant);
  });

  it('finds each name after any one slip of the finger', () => {
    const name = fc.constantFrom(...FIELDS.filter((field) => field.length > 4));
    const slip = fc.constantFrom('drop', 'double', 'replace');
    fc.assert(
      fc.property(name, slip, fc.nat(), (field, kind, at) => {
        const index = at % field.length;
        const char = field[index] ?? '';
        const with_ = { drop: '', double: char + char, replace: '0' }[kind] ?? '';
        const typed = field.slice(0, index) + with_ + field.slice(index + 1);
        expect(nearestName(typed, FIELDS)).toBe(field);
      }),
    );
  });

  it('is quick for names without end', () => {
    expect(nearestName('x'.repeat(1_000_000), FIELDS)).toBeNull();
  });
});
