import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { recorded, replay } from '../testing/replay.ts';
import { TurnEvents } from './turn-events.ts';

const types = (name: string, options = {}) => replay(name, options).events.map(({ type }) => type);

describe('recorded turns', () => {
  it('streams text, and thinking for who asks', () => {
    const { events, stopReason } = replay('thinking', { thinking: true });
    expect(events).toEqual([
      { type: 'step_start', index: 0 },
      { type: 'reasoning', text: 'let me think' },
      { type: 'text', text: 'hello ' },
      { type: 'text', text: 'there' },
      { type: 'step_finish', index: 0 },
    ]);
    expect(stopReason).toBe('end_turn');
    expect(types('thinking')).toEqual(['step_start', 'text', 'text', 'step_finish']);
  });

  it('tells tools with whole inputs, their results and the files they changed', () => {
    const { events } = replay('tools');
    expect(events.filter(({ type }) => type === 'tool_use')).toMatchObject([
      { tool: 'Write', input: { file_path: '/workspace/note.txt', content: 'hi' } },
      { tool: 'Bash', input: { command: 'cat absent.txt' } },
      { tool: 'Edit', input: { old_string: 'hi', new_string: 'ho' } },
    ]);
    expect(events.filter(({ type }) => type === 'tool_result')).toMatchObject([
      { isError: false, output: expect.stringContaining('File created') },
      { isError: true, output: expect.stringContaining('absent.txt') },
      { isError: false },
    ]);
    expect(events.filter(({ type }) => type === 'file')).toEqual([
      { type: 'file', path: 'note.txt', change: 'added' },
      { type: 'file', path: 'note.txt', change: 'modified' },
    ]);
    expect(events.filter(({ type }) => type === 'step_start')).toHaveLength(3);
  });

  it('keeps the words of a sub-agent apart, and tells what it does', () => {
    const { events } = replay('background-agent');
    const text = events.flatMap((event) => (event.type === 'text' ? [event.text] : []));
    expect(text.join('')).toBe('started. meanwhile. told at last');
    const asides = events.filter((event) => event.type === 'system' && event.kind === 'subagent');
    expect(asides).toMatchObject([{ message: 'below' }, { message: 'found' }]);
    const tools = events.flatMap((event) => (event.type === 'tool_use' ? [event.tool] : []));
    expect(tools).toEqual(['Agent', 'Bash']);
  });

  it('tells a refused key as the error of the provider, not as text', () => {
    const { events, stopReason } = replay('provider-auth');
    expect(events).toEqual([
      {
        type: 'error',
        code: 'provider_auth',
        message: 'Failed to authenticate. API Error: 401 The script asks for a 401.',
        provider: 'anthropic',
        retryable: false,
      },
    ]);
    expect(stopReason).toBe('error');
  });

  it('tells a retry as a notice and goes on', () => {
    const { events, stopReason } = replay('retried');
    expect(events[0]).toEqual({
      type: 'system',
      kind: 'retry',
      message: 'The model call failed with 529; retry 1 of 2.',
    });
    expect(events.at(-2)).toEqual({ type: 'text', text: 'at last' });
    expect(stopReason).toBe('end_turn');
  });

  it('takes an interruption for no error', () => {
    expect(types('interrupted')).not.toContain('error');
    expect(replay('interrupted').stopReason).toBe('end_turn');
  });

  it('tells the answer of a local command, which is not streamed', () => {
    const { events } = replay('local-command');
    expect(events).toMatchObject([{ type: 'text', text: expect.stringMatching(/cost/i) }]);
  });

  it('carries the frame with every event', () => {
    const { told } = replay('tools');
    expect(told.every((event) => event.raw !== undefined)).toBe(true);
  });
});

describe('the start of a step', () => {
  const stream = (event: object, parent: string | null = null) => ({
    type: 'stream_event',
    event,
    parent_tool_use_id: parent,
  });
  const begin = stream({ type: 'message_start', message: { id: 'msg_1' } });
  const block = stream({ type: 'content_block_start' });
  const delta = (type: string, rest: object) =>
    stream({ type: 'content_block_delta', delta: { type, ...rest } });
  const stop = stream({ type: 'message_stop' });
  const told = (frames: object[]) => {
    const turn = new TurnEvents({ thinking: false, workspace: '/workspace' });
    return frames.map((frame) => turn.of(frame as never).map(({ type }) => type));
  };

  it('goes with the first word', () => {
    const word = delta('text_delta', { text: 'a' });
    expect(told([begin, block, word, word, stop])).toEqual([
      [],
      [],
      ['step_start', 'text'],
      ['text'],
      ['step_finish'],
    ]);
  });

  it('does not wait for the end of thinking that nobody sees', () => {
    const thought = delta('thinking_delta', { thinking: 'hm' });
    expect(told([begin, block, thought, thought])).toEqual([[], [], ['step_start'], []]);
  });

  it('is told of every step, also of one in which nothing happened', () => {
    expect(told([begin, stop])).toEqual([[], ['step_start', 'step_finish']]);
    expect(told([begin, begin])).toEqual([[], ['step_start']]);
    expect(told([begin, { type: 'new' }])).toEqual([[], ['step_start', 'system']]);
  });

  it('carries its own frame', () => {
    const turn = new TurnEvents({ thinking: false, workspace: '/workspace' });
    turn.of(begin);
    expect(turn.of(stop).map(({ raw }) => raw)).toEqual([begin, stop]);
  });
});

describe('frames that are not known', () => {
  const events = () => new TurnEvents({ thinking: true, workspace: '/workspace' });

  it.each([
    [{ type: 'from_the_future', x: 1 }, 'from_the_future'],
    [{ type: 'system', subtype: 'new_notice' }, 'new_notice'],
    [{ type: 'system' }, 'system'],
    [{ type: 'assistant', message: 'no object' }, 'assistant'],
    [{ type: 'user' }, 'user'],
    [{ type: 'result' }, 'result'],
    [{ type: 'stream_event', event: { type: 'new_delta' } }, 'stream_event'],
  ])('survive as a notice: %j', (frame, kind) => {
    expect(events().of(frame)).toEqual([{ type: 'system', kind, raw: frame }]);
  });

  it('never throw, whatever they hold', () => {
    const type = fc.constantFrom('stream_event', 'assistant', 'user', 'result', 'system', 'x');
    const shaped = fc.record({
      type,
      subtype: fc.option(fc.string(), { nil: undefined }),
      event: fc.anything(),
      message: fc.oneof(fc.anything(), fc.record({ id: fc.string(), content: fc.anything() })),
      parent_tool_use_id: fc.anything(),
      tool_use_result: fc.anything(),
    });
    fc.assert(
      fc.property(fc.array(shaped, { maxLength: 5 }), (frames) => {
        const turn = events();
        for (const frame of frames) expect(Array.isArray(turn.of(frame as never))).toBe(true);
      }),
    );
  });
});

describe('a file outside the workspace', () => {
  it.each(['/etc/passwd', '/workspace/../etc/passwd', '/workspace'])(
    '%s is not told',
    (filePath) => {
      const frame = {
        type: 'user',
        message: { content: [{ type: 'tool_result', tool_use_id: 't', content: 'ok' }] },
        tool_use_result: { filePath, structuredPatch: [] },
      };
      const turn = new TurnEvents({ thinking: false, workspace: '/workspace' });
      expect(turn.of(frame).map(({ type }) => type)).toEqual(['tool_result']);
    },
  );
});

it('has recordings that come to rest at their last frame', () => {
  for (const name of ['thinking', 'tools', 'background-agent', 'provider-auth', 'interrupted']) {
    expect(recorded(name).length).toBeGreaterThan(0);
    expect(replay(name).rests.indexOf('yes'), name).toBe(replay(name).rests.length - 1);
  }
});
