import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { EventBody, KartaEvent } from './event.ts';
import { emptyFold, foldEvent, foldEvents } from './fold.ts';
import { NO_USAGE } from './usage.ts';

const TURN = `turn_${'a'.repeat(24)}`;
const SESSION = `sess_${'b'.repeat(24)}`;

function eventsOf(bodies: readonly EventBody[]): KartaEvent[] {
  return bodies.map((body, index) => ({
    type: body.type,
    seq: index + 1,
    session_id: SESSION,
    turn_id: TURN,
    source: 'karta',
    timestamp: 0,
    data: body.data,
  })) as KartaEvent[];
}

function chunk(type: 'text' | 'reasoning', text: string): EventBody {
  return type === 'text'
    ? { type, data: { part: { type, text } } }
    : { type, data: { part: { type, text } } };
}

const ask = (request_id: string): EventBody => ({
  type: 'input_required',
  data: {
    request_id,
    kind: 'permission',
    tool: 'bash',
    message: 'May I?',
    tool_input: { command: 'ls' },
    options: [],
  },
});
const resolved = (request_id: string): EventBody => ({
  type: 'input_resolved',
  data: { request_id, decision: 'approve_once', by: 'key_1' },
});
const done: EventBody = {
  type: 'done',
  data: {
    stop_reason: 'end_turn',
    usage: { ...NO_USAGE, input_tokens: 3, total_tokens: 3 },
    cost: { amount: '12', unit: 'picousd' },
    message: { id: 'msg_1', role: 'assistant', text: '' },
  },
};
const toolUse: EventBody = {
  type: 'tool_use',
  data: { tool_use_id: 't', tool_name: 'bash', tool_input: null },
};
const toolResult: EventBody = {
  type: 'tool_result',
  data: { tool_use_id: 't', output: 'ok', is_error: false },
};

/** A fold without the count of events, which chunking changes. */
function meaning(bodies: readonly EventBody[]) {
  const { last_seq, ...rest } = foldEvents(eventsOf(bodies));
  return rest;
}

/** A whole turn before it is cut into chunks: long texts, and what stands between them. */
const whole = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constantFrom('text' as const, 'reasoning' as const), text: fc.string() }),
    fc.constantFrom<EventBody>(toolUse, toolResult, ask('inp_1'), resolved('inp_1')),
  ),
  { maxLength: 12 },
);

describe('foldEvents', () => {
  it('is the same however texts are cut into chunks', () => {
    fc.assert(
      fc.property(whole, fc.infiniteStream(fc.integer({ min: 0, max: 5 })), (turn, sizes) => {
        const plain: EventBody[] = [];
        const cut: EventBody[] = [];
        for (const part of turn) {
          if (!('kind' in part)) {
            plain.push(part);
            cut.push(part);
            continue;
          }
          plain.push(chunk(part.kind, part.text));
          for (let rest = part.text; rest !== ''; ) {
            const size = sizes.next().value ?? 1;
            cut.push(chunk(part.kind, rest.slice(0, size)));
            rest = rest.slice(size);
          }
        }
        expect(meaning([...cut, done])).toEqual(meaning([...plain, done]));
      }),
    );
  });

  it('is the same in one go as event by event', () => {
    const events = eventsOf([chunk('text', 'a'), toolUse, chunk('text', 'b'), done]);
    const fold = emptyFold();
    for (const event of events) foldEvent(fold, event);
    expect(fold).toEqual(foldEvents(events));
  });

  it('joins neighbours, keeps the order of parts and the whole text', () => {
    const fold = foldEvents(
      eventsOf([
        chunk('reasoning', 'hm'),
        chunk('text', 'a'),
        chunk('text', 'b'),
        toolUse,
        toolResult,
        chunk('text', 'c'),
        done,
      ]),
    );
    expect(fold).toEqual({
      turn_id: TURN,
      messages: [
        {
          id: `msg_${'a'.repeat(24)}`,
          role: 'assistant',
          text: 'abc',
          parts: [
            { type: 'reasoning', text: 'hm' },
            { type: 'text', text: 'ab' },
            { type: 'tool_use', tool_use_id: 't', tool_name: 'bash', tool_input: null },
            { type: 'tool_result', tool_use_id: 't', output: 'ok', is_error: false },
            { type: 'text', text: 'c' },
          ],
        },
      ],
      text: 'abc',
      errors: [],
      pending: [],
      stop_reason: 'end_turn',
      usage: { ...NO_USAGE, input_tokens: 3, total_tokens: 3 },
      cost: { amount: '12', unit: 'picousd' },
      last_seq: 7,
    });
  });

  it('holds what is asked and not yet answered, oldest first, nothing after done', () => {
    const ids = (bodies: EventBody[]) =>
      foldEvents(eventsOf(bodies)).pending.map((input) => input.request_id);
    expect(ids([ask('inp_1'), ask('inp_2')])).toEqual(['inp_1', 'inp_2']);
    expect(ids([ask('inp_1'), ask('inp_2'), resolved('inp_1')])).toEqual(['inp_2']);
    expect(ids([ask('inp_1'), done])).toEqual([]);
  });

  it('shows no stop reason before done, and keeps errors', () => {
    const error = { code: 'provider_error', message: 'no', retryable: true };
    const fold = foldEvents(eventsOf([{ type: 'error', data: error }]));
    expect(fold.stop_reason).toBeNull();
    expect(fold.errors).toEqual([error]);
    expect(fold.messages).toEqual([]);
  });

  it('makes nothing of empty chunks', () => {
    expect(foldEvents(eventsOf([chunk('text', ''), chunk('reasoning', '')])).messages).toEqual([]);
  });

  it('starts from nothing each time', () => {
    foldEvent(emptyFold(), eventsOf([chunk('text', 'x')])[0] as KartaEvent);
    expect(emptyFold().messages).toEqual([]);
    expect(Object.isFrozen(NO_USAGE)).toBe(true);
  });
});
