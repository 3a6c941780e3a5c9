import { describe, expect, it } from 'vitest';
import { type IdKind, isId, messageIdOfTurn, newId } from './ids.ts';

const KINDS: IdKind[] = [
  'org',
  'project',
  'release',
  'session',
  'turn',
  'message',
  'input',
  'sandbox',
  'call',
  'request',
  'key',
];

describe('ids', () => {
  it('say what they are, and are of no other kind', () => {
    for (const kind of KINDS) {
      const id = newId(kind);
      expect(id).toMatch(/^[a-z]+_[0-9a-f]{24}$/);
      expect(KINDS.filter((other) => isId(other, id))).toEqual([kind]);
    }
    expect(newId('session')).toMatch(/^sess_/);
  });

  it('do not repeat', () => {
    const ids = new Set(Array.from({ length: 10_000 }, () => newId('turn')));
    expect(ids.size).toBe(10_000);
  });

  it('have one form only', () => {
    const id = newId('session');
    for (const wrong of [
      '',
      'sess_',
      id.toUpperCase(),
      `${id}0`,
      id.slice(0, -1),
      ` ${id}`,
      `${id}\n`,
      id.replace('sess_', 'turn_'),
    ]) {
      expect(isId('session', wrong), wrong).toBe(false);
    }
  });

  it('of a turn name its message', () => {
    const turn = newId('turn');
    expect(isId('message', messageIdOfTurn(turn))).toBe(true);
    expect(messageIdOfTurn(turn).slice(-24)).toBe(turn.slice(-24));
  });
});
