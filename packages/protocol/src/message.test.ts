import { describe, expect, it } from 'vitest';
import { resolveInputBody } from './input.ts';
import { LIMITS } from './limits.ts';
import { sendMessageBody } from './message.ts';
import { createSessionBody, isoTime, patchSessionBody } from './session.ts';
import { cleanText, utf8Bytes } from './text.ts';
import { addUsage, NO_USAGE, usage, usageOf } from './usage.ts';

const accepts = (schema: { safeParse(value: unknown): { success: boolean } }, value: unknown) =>
  schema.safeParse(value).success;

describe('a message', () => {
  it('needs only a text', () => {
    expect(sendMessageBody.parse({ text: 'hi' })).toEqual({
      text: 'hi',
      participant_type: 'human',
      thinking: false,
      stream: false,
      if_busy: 'queue',
      attachments: [],
    });
  });

  it('has a text of 1 byte to its limit in UTF-8', () => {
    const most = 'é'.repeat(LIMITS.messageTextBytes / 2);
    expect(accepts(sendMessageBody, { text: most })).toBe(true);
    for (const text of ['', `${most}x`, 'a\0', '\ud800', 7, null]) {
      expect(accepts(sendMessageBody, { text }), String(text).slice(0, 9)).toBe(false);
    }
  });

  it('has attachments by path or by content, at most 20', () => {
    const of = (attachments: unknown[]) => accepts(sendMessageBody, { text: 'x', attachments });
    expect(of([{ path: 'a.txt' }, { name: 'b.png', media_type: 'image/png', data: 'aGk=' }])).toBe(
      true,
    );
    expect(of(Array.from({ length: LIMITS.attachments }, () => ({ path: 'a' })))).toBe(true);
    expect(of(Array.from({ length: LIMITS.attachments + 1 }, () => ({ path: 'a' })))).toBe(false);
    expect(of([{ path: 'a', name: 'b' }])).toBe(false);
    expect(of([{ name: 'b', data: 'not base64!' }])).toBe(false);
  });

  it('is from somebody with a name of at most 128 characters in any script', () => {
    const of = (participant_name: string) =>
      accepts(sendMessageBody, { text: 'x', participant_name });
    expect(of('agent-α')).toBe(true);
    expect(of('😀'.repeat(128))).toBe(true);
    expect(of('😀'.repeat(129))).toBe(false);
    expect(of('')).toBe(false);
  });

  it('has no other fields, and no other values', () => {
    for (const extra of [{ Text: 'x' }, { stream: 1 }, { if_busy: 'wait' }, { agent: '' }]) {
      expect(accepts(sendMessageBody, { text: 'x', ...extra })).toBe(false);
    }
  });
});

describe('other bodies', () => {
  it('of a session are strict', () => {
    expect(accepts(createSessionBody, {})).toBe(true);
    expect(accepts(createSessionBody, { match: [] })).toBe(false);
    expect(accepts(createSessionBody, { id: 'x' })).toBe(false);
    expect(accepts(patchSessionBody, { permission_mode: null })).toBe(true);
    expect(accepts(patchSessionBody, { permission_mode: 'root' })).toBe(false);
    expect(accepts(patchSessionBody, { status: 'ended' })).toBe(false);
  });

  it('of an input know three decisions', () => {
    for (const decision of ['approve_once', 'approve_session', 'deny']) {
      expect(resolveInputBody.parse({ decision })).toEqual({ decision, stream: false });
    }
    expect(accepts(resolveInputBody, { decision: 'approve' })).toBe(false);
    expect(accepts(resolveInputBody, { decision: 'deny', message: 'x'.repeat(4097) })).toBe(false);
  });
});

describe('text and times', () => {
  it('count UTF-8 bytes and refuse what has none', () => {
    expect(utf8Bytes('a é 😀')).toBe(1 + 1 + 2 + 1 + 4);
    expect(accepts(cleanText, '😀')).toBe(true);
    expect(accepts(cleanText, '😀'.slice(0, 1))).toBe(false);
  });

  it('are ISO 8601 with +00:00', () => {
    expect(isoTime(new Date(0))).toBe('1970-01-01T00:00:00.000+00:00');
    expect(new Date(isoTime(new Date(1_234_567))).getTime()).toBe(1_234_567);
  });
});

describe('usage', () => {
  const counts = {
    input_tokens: 5,
    cache_read_tokens: 2,
    cache_write_tokens: 1,
    output_tokens: 7,
  };

  it('totals input and output, of which the cached are a part', () => {
    expect(usageOf(counts).total_tokens).toBe(12);
    expect(addUsage(usageOf(counts), usageOf(counts))).toEqual(
      usageOf({
        input_tokens: 10,
        cache_read_tokens: 4,
        cache_write_tokens: 2,
        output_tokens: 14,
      }),
    );
    expect(addUsage(NO_USAGE, usageOf(counts))).toEqual(usageOf(counts));
  });

  it('is made of whole counts', () => {
    expect(accepts(usage, usageOf(counts))).toBe(true);
    expect(accepts(usage, { ...usageOf(counts), input_tokens: 1.5 })).toBe(false);
    expect(accepts(usage, { ...usageOf(counts), output_tokens: -1 })).toBe(false);
  });
});
