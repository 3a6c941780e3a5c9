import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundCall } from '../wire/bound-call.ts';
import { SHORT_TEXT_BYTES } from '../wire/prompt-beginnings.ts';
import type { Route } from '../wire/routes.ts';
import {
  COUNTED_ORGS,
  CountedPrompts,
  LEARN_BYTES,
  MOST_BYTES_A_TOKEN,
} from './counted-prompts.ts';

const routes = {
  messages: { family: 'anthropic', name: 'messages' },
  chat: { family: 'openai', name: 'chat' },
  responses: { family: 'openai', name: 'responses' },
} as const;

type Wire = keyof typeof routes;

function boundOf(wire: Wire, request: object) {
  const route: Route = { ...routes[wire], path: '/', query: '', billed: true };
  const bound = boundCall(route, Buffer.from(JSON.stringify(request)));
  if ('problem' in bound) throw new Error(bound.problem);
  return bound;
}

/** What a call is bounded at, with what `prompts` has of it. */
function within(prompts: CountedPrompts, wire: Wire, request: object, org = 'org', by = 'p') {
  const bound = boundOf(wire, request);
  return Math.min(bound.input, prompts.bound(org, by, bound.beginnings)?.tokens ?? Infinity);
}

/** A provider tells what a request counted. */
function tell(prompts: CountedPrompts, wire: Wire, request: object, tokens: number): void {
  const bounded = within(prompts, wire, request);
  prompts.counted('org', 'p', boundOf(wire, request).beginnings, { tokens, bounded });
}

const SYSTEM = 'You are the assistant of a shop. '.repeat(300);
const MARK = { cache_control: { type: 'ephemeral' } };
const user = (text: string, marked = false) => ({
  role: 'user',
  content: [{ type: 'text', text, ...(marked ? MARK : {}) }],
});
const ask = (...messages: object[]) => ({
  ...{ model: 'm', max_tokens: 1_000, metadata: { user_id: 'ann' } },
  ...{ system: SYSTEM, messages },
});

describe('the input of a call whose beginning was counted', () => {
  it('is that count and what is new, in the same conversation and in others', () => {
    const prompts = new CountedPrompts();
    const first = ask(user('hello', true));
    const tokens = 2_500;
    expect(within(prompts, 'messages', first)).toBeGreaterThan(SYSTEM.length);
    tell(prompts, 'messages', first, tokens);
    const next = ask(user('hello'), { role: 'assistant', content: 'hi' }, user('bye', true));
    for (const request of [first, next, ask(user('good day', true))]) {
      expect(within(prompts, 'messages', request)).toBeGreaterThan(tokens);
      expect(within(prompts, 'messages', request)).toBeLessThan(tokens + 500);
    }
  });

  it.each<[Wire, (text: string) => object]>([
    ['chat', (text) => ({ messages: [{ role: 'system', content: SYSTEM }, user(text)] })],
    ['responses', (text) => ({ instructions: SYSTEM, input: text })],
    ['responses', (text) => ({ instructions: SYSTEM, input: [user(text)] })],
  ])('is so on %s', (wire, request) => {
    const prompts = new CountedPrompts();
    tell(prompts, wire, request('hello'), 2_500);
    expect(within(prompts, wire, request('something else'))).toBeLessThan(3_000);
  });

  it.each([
    ['another org', ['other', 'p'], {}],
    ['another provider', ['org', 'other'], {}],
    ['another model', ['org', 'p'], { model: 'other' }],
    ['other instructions', ['org', 'p'], { system: `${SYSTEM}.` }],
    ['other tools', ['org', 'p'], { tools: [{ name: 't', input_schema: {} }] }],
  ])('is its bytes for %s', (_, [org, provider], change) => {
    const prompts = new CountedPrompts();
    tell(prompts, 'messages', ask(user('hello')), 2_500);
    const changed = { ...ask(user('hello')), ...change };
    expect(within(prompts, 'messages', changed, org, provider)).toBeGreaterThan(SYSTEM.length);
  });

  it('is known of the next conversation whose instructions differ in short texts alone', () => {
    const prompts = new CountedPrompts();
    const system = (...short: string[]) => ({
      system: [...short, SYSTEM].map((text) => ({ type: 'text', text, ...MARK })),
    });
    const asked = (...short: string[]) => ({ ...ask(user('hello')), ...system(...short) });
    tell(prompts, 'messages', asked('version 1.d9e'), 2_500);
    const other = within(prompts, 'messages', asked('version 1.0a7'));
    expect(other).toBeLessThan(3_000);
    // Each counts by its bytes, however many there are.
    const many = Array.from({ length: 50 }, (_, index) => `${index}`.padEnd(150, 'x'));
    expect(within(prompts, 'messages', asked(...many))).toBeGreaterThan(2_500 + 50 * 150);
    const long = within(prompts, 'messages', asked('x'.repeat(SHORT_TEXT_BYTES)));
    expect(long).toBeGreaterThan(SYSTEM.length);
    const odd = {
      ...ask(user('hello')),
      system: [{ type: 'image', text: 'x' }, ...system().system],
    };
    expect(within(prompts, 'messages', odd)).toBeGreaterThan(SYSTEM.length);
  });

  it('has pictures and pages that are new at the most that they can be', () => {
    const prompts = new CountedPrompts();
    tell(prompts, 'messages', ask(user('hello')), 2_500);
    const picture = { type: 'image', source: { type: 'base64', data: 'A' } };
    const page = { type: 'document', source: { type: 'base64', data: 'A' } };
    const request = ask(user('hello'), { role: 'user', content: [picture, page] });
    expect(within(prompts, 'messages', request)).toBeGreaterThan(2_500 + 205_000);
  });

  it('counts what looks like a mark of the cache, wherever it stands', () => {
    const prompts = new CountedPrompts();
    const tool = (input: unknown) => ({
      role: 'assistant',
      content: [{ type: 'tool_use', id: 't', name: 't', input }],
    });
    tell(prompts, 'messages', ask(tool(Array.from({ length: 1_000 }, () => ({})))), 5_000);
    const marked = ask(tool(Array.from({ length: 1_000 }, () => MARK)));
    const bytes = 1_000 * (JSON.stringify(MARK).length - 2);
    expect(within(prompts, 'messages', marked)).toBeGreaterThan(5_000 + bytes);
  });

  it('is its bytes where the provider shortens or lengthens the prompt by itself', () => {
    const edits = (type: string) => ({ context_management: { edits: [{ type }] } });
    const found = { type: 'tool_result', content: [{ type: 'tool_reference', tool_name: 't' }] };
    const cases: [Wire, object, boolean][] = [
      ['messages', edits('clear_thinking_20251015'), true],
      ['messages', edits('clear_tool_uses_20250919'), false],
      ['messages', edits('compact_20260112'), false],
      ['messages', { context_management: { compact: true } }, false],
      ['messages', { messages: [{ role: 'user', content: [found] }] }, false],
      ['responses', { truncation: 'disabled' }, true],
      ['responses', { truncation: 'auto' }, false],
    ];
    for (const [wire, more, known] of cases) {
      const request = { ...ask(user('hello')), ...more };
      expect(boundOf(wire, request).beginnings.length > 0).toBe(known);
    }
  });

  it.each<[Wire, object]>([
    ['chat', { messages: [{ role: 'user', content: SYSTEM }], input: [] }],
    ['responses', { input: SYSTEM, messages: [] }],
    ['messages', { messages: [{ role: 'user', content: SYSTEM }], input: [] }],
    ['messages', JSON.parse(`{"messages":[],"__proto__":{"text":"${SYSTEM}"}}`)],
  ])('on %s counts every member, whatever else it is named after', (wire, request) => {
    const prompts = new CountedPrompts();
    tell(prompts, wire, { messages: [], input: [] }, 50);
    tell(prompts, wire, { messages: [] }, 50);
    tell(prompts, wire, { input: [] }, 50);
    expect(within(prompts, wire, request)).toBeGreaterThan(SYSTEM.length);
  });

  it('has the tools that the model may still ask for', () => {
    const prompts = new CountedPrompts();
    const tools = [{ name: 'rare', description: 'x'.repeat(9_000), defer_loading: true }];
    const request = { ...ask(user('hello')), tools };
    tell(prompts, 'messages', request, 2_500);
    expect(within(prompts, 'messages', request)).toBeGreaterThan(2_500 + 9_000);
  });

  it('is not believed to be nothing', () => {
    const prompts = new CountedPrompts();
    tell(prompts, 'messages', ask(user('hello')), 0);
    const least = SYSTEM.length / MOST_BYTES_A_TOKEN;
    expect(within(prompts, 'messages', ask(user('hello')))).toBeGreaterThan(least);
  });

  it('is what was told last where a provider counts more than it can', () => {
    const prompts = new CountedPrompts();
    const request = ask(user('hello'));
    tell(prompts, 'messages', request, 1_000);
    tell(prompts, 'messages', request, 9_000);
    expect(within(prompts, 'messages', request)).toBeGreaterThan(9_000);
  });

  it('is forgotten for the orgs that called longest ago', () => {
    const prompts = new CountedPrompts();
    const { beginnings, input } = boundOf('messages', ask(user('hello')));
    const told = { tokens: 2_500, bounded: input };
    for (let org = 0; org <= COUNTED_ORGS; org += 1) {
      prompts.counted(`org_${org}`, 'p', beginnings, told);
    }
    expect(prompts.bound('org_0', 'p', beginnings)).toBeNull();
    expect(prompts.bound(`org_${COUNTED_ORGS}`, 'p', beginnings)?.tokens).toBeLessThan(3_000);
  });

  it('is looked for now and then where no cap rules, in bodies that are not long', () => {
    const prompts = new CountedPrompts();
    expect(prompts.wants('org', 'm', LEARN_BYTES + 1)).toBe(false);
    expect(prompts.wants('org', 'm', 10)).toBe(true);
    expect(prompts.wants('org', 'm', 10)).toBe(false);
    expect(prompts.wants('org', 'other', 10)).toBe(true);
  });

  it('property: is never less than what a provider counts, whoever writes the calls', () => {
    // Some texts are a token a byte, as nobody's prompt is but an attacker's; others four bytes.
    const text = fc.oneof(
      fc.integer({ min: 0, max: 400 }).map((length) => '~'.repeat(length)),
      fc.constantFrom('hello', 'word '.repeat(80), JSON.stringify(MARK), '"cache_control":{}'),
    );
    const block = fc.record(
      { type: fc.constant('text'), text, cache_control: fc.constant(MARK.cache_control) },
      { requiredKeys: ['type', 'text'] },
    );
    const tool = fc.record({ type: fc.constant('tool_use'), input: fc.array(fc.constant(MARK)) });
    const result = fc.record({ type: fc.constant('tool_result'), content: text });
    const thought = fc.record({ type: fc.constant('thinking'), thinking: text });
    const piece = fc.oneof(block, tool, result, thought);
    const content = fc.oneof(text, fc.array(piece, { maxLength: 4 }));
    const message = fc.record({ role: fc.constantFrom('user', 'assistant'), content });
    const request = fc.record({
      system: fc.constantFrom('short', SYSTEM),
      messages: fc.array(message, { maxLength: 5 }),
    });
    // The next call is often the one before with more at its end.
    const calls = fc.array(fc.tuple(request, fc.integer({ min: 0, max: 5 })), { maxLength: 12 });
    fc.assert(
      fc.property(calls, (all) => {
        const prompts = new CountedPrompts();
        let before: Message[] = [];
        for (const [{ system, messages }, kept] of all) {
          before = [...before.slice(0, kept), ...messages];
          const asked = { model: 'm', system, messages: before };
          const tokens = tokensOf({ ...asked, messages: withoutOldThoughts(before) });
          expect(within(prompts, 'messages', asked)).toBeGreaterThanOrEqual(tokens);
          tell(prompts, 'messages', asked, tokens);
        }
      }),
    );
  });
});

/** A token for each `~` and each sign of structure, else one for four bytes, text by text. */
function tokensOf(value: unknown): number {
  if (typeof value === 'string') {
    const dense = value.split('~').length - 1;
    return dense + Math.ceil((Buffer.byteLength(value) - dense) / 4);
  }
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, one) => sum + tokensOf(one), 0);
  return 2 + inner;
}

interface Message {
  role: string;
  content: string | { type: string }[];
}

/** As providers do it: what was thought before the last message of the user is no part of a prompt. */
function withoutOldThoughts(messages: readonly Message[]): Message[] {
  const last = messages.findLastIndex(
    ({ role, content }) =>
      role === 'user' &&
      (typeof content === 'string' || content.some(({ type }) => type !== 'tool_result')),
  );
  return messages.map(({ role, content }, index) => ({
    role,
    content:
      typeof content === 'string' || index > last
        ? content
        : content.filter(({ type }) => type !== 'thinking'),
  }));
}
