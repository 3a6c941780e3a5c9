import { type KartaEvent, NO_USAGE } from '@karta/protocol';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { captured } from '../../test/captured-terminal.ts';
import { EventView, eventLine } from './event-view.ts';
import { oneLine, plainText } from './plain-text.ts';
import { coloursWanted } from './terminal.ts';

function event(type: KartaEvent['type'], data: unknown): KartaEvent {
  const envelope = { seq: 1, session_id: 'sess_1', turn_id: 'turn_1', source: 'karta' };
  return { type, data, timestamp: 0, ...envelope } as KartaEvent;
}
const text = (value: string) => event('text', { part: { type: 'text', text: value } });

describe('colours', () => {
  test('are for terminals only, and never with NO_COLOR', () => {
    const tty = { isTTY: true, write: () => true };
    const pipe = { write: () => true };
    expect(coloursWanted(tty, {})).toBe(true);
    expect(coloursWanted(tty, { NO_COLOR: '1' })).toBe(false);
    expect(coloursWanted(tty, { NO_COLOR: '' })).toBe(true);
    expect(coloursWanted(tty, { TERM: 'dumb' })).toBe(false);
    expect(coloursWanted(pipe, {})).toBe(false);
    expect(coloursWanted(pipe, { FORCE_COLOR: '1' })).toBe(true);
    expect(coloursWanted(pipe, { FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
  });

  test('change nothing but the look', () => {
    expect(captured().terminal.style('red', 'x')).toBe('x');
    expect(captured({ tty: true }).terminal.style('red', 'x')).toBe('\x1b[31mx\x1b[39m');
  });
});

describe('what an agent says cannot steer a terminal', () => {
  test('control characters are gone, everything else stays', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const plain = plainText(value);
        // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
        expect(plain).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/);
        expect(plain).not.toMatch(/\p{Bidi_Control}/u);
        if (!/\p{Cc}|\p{Bidi_Control}/u.test(value)) expect(plain).toBe(value);
      }),
    );
    expect(plainText('a\x1b]0;owned\x07b\n\tc')).toBe('a]0;ownedb\n\tc');
    expect(plainText('rm -rf \u202eelbon\u2066')).toBe('rm -rf elbon');
  });

  test('a line is one line, cut to its width', () => {
    expect(oneLine('a\n  b\r\nc', 80)).toBe('a b c');
    expect(oneLine('abcdef', 4)).toBe('abc…');
  });

  test('a pipe gets the exact text, a terminal the plain one', () => {
    const pipe = captured();
    new EventView(pipe.terminal).show(text('\x1b[2Jhi'));
    expect(pipe.written.out).toBe('\x1b[2Jhi');
    const tty = captured({ tty: true });
    new EventView(tty.terminal).show(text('\x1b[2Jhi'));
    expect(tty.written.out).toBe('[2Jhi');
  });
});

describe('the view of a turn', () => {
  test('text streams to the answer, the rest goes beside it', () => {
    const { terminal, written } = captured();
    const view = new EventView(terminal, { hidden: ['reasoning'] });
    view.show(text('Let me '));
    view.show(text('look.'));
    view.show(event('reasoning', { part: { type: 'reasoning', text: 'hm' } }));
    view.show(event('tool_use', { tool_use_id: 't', tool_name: 'bash', tool_input: { a: 1 } }));
    view.show(event('tool_result', { tool_use_id: 't', output: 'one\ntwo', is_error: false }));
    view.show(text('Done.'));
    view.breakLine();
    expect(written.out).toBe('Let me look.\nDone.\n');
    expect(written.err).toBe('→ bash {"a":1}\n✓ one two\n');
  });

  test('has a line, or nothing to say, for each type of event', () => {
    const { terminal } = captured();
    const line = (type: KartaEvent['type'], data: unknown) =>
      eventLine(event(type, data), terminal);
    expect(line('step_start', { step_index: 0 })).toBeNull();
    expect(line('error', { code: 'x', message: 'no\nway', retryable: false })).toBe(
      'error x: no way',
    );
    expect(line('system', { kind: 'queued' })).toBe('queued');
    expect(line('file', { path: 'a.txt', change: 'added' })).toBe('± a.txt (added)');
    expect(line('participant', { participant_id: 'p', change: 'joined' })).toBe('p joined');
    expect(line('input_resolved', { decision: 'deny', by: 'key_1' })).toContain('deny by key_1');
    const ask = { kind: 'permission', tool: 'bash', message: 'Run it?', tool_input: {} };
    expect(line('input_required', ask)).toBe('? asks Run it? {}');
    const done = { stop_reason: 'cancelled', usage: NO_USAGE, cost: null };
    expect(line('done', done)).toBe('cancelled · 0 tokens in, 0 out');
    const cost = { amount: '30450000000', unit: 'picousd' };
    expect(line('done', { ...done, stop_reason: 'end_turn', cost })).toBe(
      '0 tokens in, 0 out · $0.030450',
    );
  });
});
