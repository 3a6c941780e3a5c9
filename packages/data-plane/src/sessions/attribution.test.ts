import type { HistoryMessage } from '@karta/protocol';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type AcceptedText, attributeMessages, textDigest } from './attribution.ts';

function said(text: string, role: 'user' | 'assistant' = 'user'): HistoryMessage {
  return {
    id: text,
    role,
    text,
    parts: [],
    created_at: null,
    sender: null,
    turn_id: null,
    unverified: false,
  };
}

function accepted(text: string, turnId: string, name = turnId): AcceptedText {
  return { turnId, digest: textDigest(text), sender: { name, type: 'human' } };
}

test('the same words from different senders are told apart by their order', () => {
  const shown = attributeMessages(
    [said('yes'), said('ok', 'assistant'), said('yes')],
    [accepted('yes', 't1', 'ann'), accepted('yes', 't2', 'bob')],
  );
  expect(shown.map((message) => [message.turn_id, message.sender?.name])).toEqual([
    ['t1', 'ann'],
    ['t1', undefined],
    ['t2', 'bob'],
  ]);
});

test('a harness may forget the beginning, and white space around a text', () => {
  const shown = attributeMessages(
    [said('  two\n')],
    [accepted('one', 't1'), accepted('two', 't2')],
  );
  expect(shown[0]).toMatchObject({ turn_id: 't2', unverified: false });
});

test('a message is verified at most once per accepted text, and order is kept', () => {
  const word = fc.constantFrom('a', 'b', 'c');
  fc.assert(
    fc.property(fc.array(word), fc.array(word), (stored, sent) => {
      const shown = attributeMessages(
        stored.map((text) => said(text)),
        sent.map((text, index) => accepted(text, `${index}`)),
      );
      const turns = shown.filter((message) => !message.unverified).map((m) => Number(m.turn_id));
      expect(turns).toEqual([...new Set(turns)].sort((a, b) => a - b));
      for (const message of shown) {
        if (!message.unverified) expect(sent[Number(message.turn_id)]).toBe(message.text);
      }
    }),
  );
});

test('an untouched history is verified whole', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), (texts) => {
      const shown = attributeMessages(
        texts.map((text) => said(text)),
        texts.map((text, index) => accepted(text, `${index}`)),
      );
      expect(shown.map((message) => message.turn_id)).toEqual(texts.map((_, index) => `${index}`));
    }),
  );
});
