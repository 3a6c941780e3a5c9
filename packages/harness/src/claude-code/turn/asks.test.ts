import { beforeEach, describe, expect, it } from 'vitest';
import type { HarnessEvent } from '../../port.ts';
import { Asks } from './asks.ts';

let events: HarnessEvent[];
let asks: Asks;
let abort: AbortController;

beforeEach(() => {
  events = [];
  abort = new AbortController();
  asks = new Asks((event) => events.push(event));
  asks.accept(true);
});

function ask(id: string, tool = 'Bash', input: Record<string, unknown> = { command: 'ls' }) {
  const context = { signal: abort.signal, toolUseID: `tool_${id}`, requestId: id };
  return asks.canUseTool(tool, input, context);
}

const approve = (id: string, message = '') =>
  asks.answer(id, { decision: 'approve_once', message });

describe('an ask', () => {
  it('is told, waits, and is approved with the input unchanged', async () => {
    const answer = ask('a');
    expect(events).toMatchObject([
      { type: 'ask', requestId: 'a', kind: 'permission', tool: 'Bash', input: { command: 'ls' } },
    ]);
    approve('a');
    expect(await answer).toEqual({ behavior: 'allow', updatedInput: { command: 'ls' } });
    expect(events.at(-1)).toEqual({
      type: 'ask_resolved',
      requestId: 'a',
      decision: 'approve_once',
      by: 'platform',
    });
  });

  it('is denied with a message, and with one of ours when there is none', async () => {
    const [a, b] = [ask('a'), ask('b')];
    asks.answer('b', { decision: 'deny', message: ' ' });
    asks.answer('a', { decision: 'deny', message: 'keep it clean' });
    expect(await a).toEqual({ behavior: 'deny', message: 'keep it clean' });
    expect(await b).toEqual({ behavior: 'deny', message: 'Denied.' });
  });

  it('is answered once', async () => {
    void ask('a');
    approve('a');
    expect(() => approve('a')).toThrow(expect.objectContaining({ code: 'unknown_ask' }));
    expect(() => approve('never')).toThrow(expect.objectContaining({ code: 'unknown_ask' }));
  });

  it('is over when the harness drops it', async () => {
    const answer = ask('a');
    abort.abort();
    expect(await answer).toMatchObject({ behavior: 'deny' });
    expect(events.at(-1)).toMatchObject({ type: 'ask_resolved', decision: 'deny', by: 'harness' });
    expect(() => approve('a')).toThrow(expect.objectContaining({ code: 'unknown_ask' }));
  });

  it('is denied unheard when no turn runs', async () => {
    asks.accept(false);
    expect(await ask('a')).toMatchObject({ behavior: 'deny' });
    expect(events).toEqual([]);
  });

  it('does not outlive its turn', async () => {
    const answers = [ask('a'), ask('b')];
    asks.accept(false);
    expect(await Promise.all(answers)).toMatchObject([{ behavior: 'deny' }, { behavior: 'deny' }]);
  });

  it('is refused when too many wait', async () => {
    for (let count = 0; count < 64; count += 1) void ask(`a${count}`);
    expect(await ask('more')).toMatchObject({ behavior: 'deny', message: /Too many/ });
    expect(events).toHaveLength(64);
  });
});

describe('a question', () => {
  const input = {
    questions: [{ question: 'Light or dark?', options: [{ label: 'light' }, { label: 'dark' }] }],
  };

  it('is told with its choices and answered with a text', async () => {
    const answer = ask('q', 'AskUserQuestion', input);
    expect(events).toMatchObject([
      { kind: 'question', message: 'Light or dark?', options: ['light', 'dark'], rule: null },
    ]);
    approve('q', 'dark');
    expect(await answer).toEqual({
      behavior: 'allow',
      updatedInput: { ...input, answers: { 'Light or dark?': 'dark' } },
    });
  });

  it('with several parts is answered line by line', async () => {
    const several = { questions: ['a?', 'b?', 'c?'].map((question) => ({ question })) };
    const answer = ask('q', 'AskUserQuestion', several);
    approve('q', 'one\ntwo');
    expect(await answer).toMatchObject({
      updatedInput: { answers: { 'a?': 'one', 'b?': 'two', 'c?': 'two' } },
    });
  });

  it('of a form that is not known is still told', () => {
    void ask('q', 'AskUserQuestion', { questions: 'what?' });
    expect(events).toMatchObject([{ kind: 'question', message: '', options: [] }]);
  });
});
