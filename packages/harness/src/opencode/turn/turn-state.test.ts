import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { HarnessEvent } from '../../port.ts';
import { parseEvent, type ServerEvent } from '../events/schema.ts';
import { Family } from './family.ts';
import { TurnState } from './turn-state.ts';

/** Event streams of OpenCode 1.18.34, recorded turn by turn; ids and paths are neutral. */
function recorded(name: string): ServerEvent[] {
  const text = readFileSync(new URL(`fixtures/${name}.jsonl`, import.meta.url), 'utf8');
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => parseEvent(JSON.parse(line)));
  return events.filter((event) => event !== null);
}

function newTurn(options: { thinking?: boolean; now?: () => number } = {}): TurnState {
  return new TurnState({
    family: new Family('ses_root'),
    workspace: '/workspace',
    thinking: options.thinking ?? true,
    retiredAsks: new Set(),
    now: options.now ?? (() => 0),
  });
}

/** Plays a recording; `during` acts between its events, as the platform would. */
function play(
  state: TurnState,
  events: readonly ServerEvent[],
  during: (told: HarnessEvent) => void = () => {},
): HarnessEvent[] {
  const all: HarnessEvent[] = [];
  for (const event of events) {
    for (const told of state.accept(event)) {
      all.push(told);
      during(told);
    }
  }
  return all.map(({ raw: _, ...told }) => told as HarnessEvent);
}

function textOf(events: readonly HarnessEvent[], type: 'text' | 'reasoning'): string {
  return events.map((event) => (event.type === type ? event.text : '')).join('');
}

function only<T extends HarnessEvent['type']>(events: readonly HarnessEvent[], type: T) {
  return events.filter((event) => event.type === type);
}

describe('a turn with two tools that ask', () => {
  const answer = (state: TurnState) => (told: HarnessEvent) => {
    if (told.type !== 'ask') return;
    const denied = JSON.stringify(told.input).includes('echo ho');
    const decision = denied ? 'deny' : 'approve_once';
    state.asks.answer(told.requestId, { decision, message: 'no thanks' });
    state.takeAnswers();
  };

  test('is told in order, everything once', () => {
    const state = newTurn();
    const events = play(state, recorded('tools'), (told) => {
      answer(state)(told);
      // A denial that was held back goes out once the other call has ended.
      state.takeAnswers();
    });
    expect(textOf(events, 'reasoning')).toBe('hmm');
    expect(textOf(events, 'text')).toBe('let me seedone now');
    expect(only(events, 'tool_use')).toHaveLength(2);
    expect(only(events, 'tool_result')).toMatchObject([
      { output: 'hi\n', isError: false },
      { output: expect.stringContaining('no thanks'), isError: true },
    ]);
    expect(only(events, 'ask')).toMatchObject([
      { tool: 'bash', input: { command: 'echo hi' }, rule: 'bash: echo *', kind: 'permission' },
      { tool: 'bash', input: { command: 'echo ho' }, rule: 'bash: echo *' },
    ]);
    expect(only(events, 'step_start').map((event) => 'index' in event && event.index)).toEqual([
      0, 1,
    ]);
    expect(only(events, 'step_finish')).toHaveLength(2);
    expect(only(events, 'error')).toEqual([]);
    expect(state.finished).toBe(true);
  });

  test('keeps its thoughts from who did not ask for them', () => {
    const state = newTurn({ thinking: false });
    const events = play(state, recorded('tools'), answer(state));
    expect(textOf(events, 'reasoning')).toBe('');
    expect(textOf(events, 'text')).toBe('let me seedone now');
  });

  test('is stopped when nobody here gave the answers', () => {
    const state = newTurn();
    const events = play(state, recorded('tools'));
    expect(only(events, 'error')).toMatchObject([{ code: 'approval_bypassed' }]);
    expect(only(events, 'ask_resolved')).toMatchObject([
      { decision: 'approve_once', by: 'harness' },
      { decision: 'deny', by: 'harness' },
    ]);
    expect(state.stop).toBe('bypassed');
  });

  test('is the same told twice over, as after a broken connection', () => {
    const twice = (events: readonly ServerEvent[]) =>
      events.flatMap((event): ServerEvent[] => {
        const repeated = event.type === 'message.part.updated' || event.type === 'message.updated';
        return repeated ? [event, event] : [event];
      });
    const once = newTurn();
    const again = newTurn();
    expect(play(again, twice(recorded('tools')), answer(again))).toEqual(
      play(once, recorded('tools'), answer(once)),
    );
  });

  test('is the same text whatever deltas are lost on the way', () => {
    fc.assert(
      fc.property(fc.func(fc.boolean()), (isLost) => {
        const state = newTurn();
        let lost = false;
        // Once the connection is gone no further delta comes before the part is told whole.
        const events = recorded('tools').filter((event, at) => {
          if (event.type !== 'message.part.delta') return true;
          lost ||= isLost(at);
          return !lost;
        });
        const told = play(state, events, answer(state));
        expect(textOf(told, 'text')).toBe('let me seedone now');
        expect(state.finished).toBe(true);
      }),
    );
  });

  test('is not over before its last event', () => {
    const events = recorded('tools');
    const idle = events.findLastIndex(
      (event) => event.type === 'session.status' && event.properties.status.type === 'idle',
    );
    fc.assert(
      fc.property(fc.nat(idle - 1), (count) => {
        const state = newTurn();
        play(state, events.slice(0, count), answer(state));
        expect(state.finished).toBe(false);
      }),
    );
  });
});

test('asks that fall with a denied one are resolved by the harness', () => {
  const state = newTurn();
  let first = true;
  const events = play(state, recorded('cascade'), (told) => {
    if (told.type !== 'ask' || !first) return;
    first = false;
    state.asks.answer(told.requestId, { decision: 'deny', message: 'no thanks' });
    // As if the second ask had come after the denial was sent.
    state.asks.takeSendable(() => []);
  });
  expect(only(events, 'ask_resolved')).toMatchObject([{ decision: 'deny', by: 'harness' }]);
  expect(only(events, 'error')).toEqual([]);
  expect(textOf(events, 'text')).toBe('done now');
  expect(state.finished).toBe(true);
});

test('a turn that we stop ends without an error', () => {
  const state = newTurn();
  const events = play(state, recorded('aborted'), (told) => {
    if (told.type === 'tool_use') state.asks.stopping = true;
  });
  expect(only(events, 'error')).toEqual([]);
  expect(only(events, 'tool_result')).toHaveLength(1);
  expect(state.finished).toBe(true);
});

test('a turn that somebody else stopped is an error', () => {
  const state = newTurn();
  const events = play(state, recorded('aborted'));
  expect(only(events, 'error')).toMatchObject([{ code: 'harness_protocol' }]);
});

test('what is still said of an earlier turn is nothing to the next one', () => {
  const family = new Family('ses_root');
  const setup = { family, workspace: '/workspace', thinking: true, now: () => 0 };
  const first = new TurnState({ ...setup, retiredAsks: new Set() });
  const stopped = recorded('aborted');
  play(first, stopped);
  const next = new TurnState({ ...setup, retiredAsks: new Set() });
  const late = stopped.filter(({ type }) => type.startsWith('message.'));
  const events = play(next, [...late, ...recorded('edited')]);
  expect(only(events, 'error')).toEqual([]);
  expect(only(events, 'tool_use')).toHaveLength(2);
  expect(next.finished).toBe(true);
});

test('a text in which deltas were lost is told right, at its end', () => {
  const events = recorded('tools');
  const deltas = events.flatMap((event, at) =>
    event.type === 'message.part.delta' && event.properties.delta !== '' ? [at] : [],
  );
  fc.assert(
    fc.property(fc.nat(deltas.length - 1), fc.nat(3), (index, lost) => {
      const state = newTurn();
      const from = deltas[index] ?? 0;
      const rest = events.slice(from).filter((event, at) => {
        return event.type !== 'message.part.delta' || at > lost;
      });
      const told = [
        ...play(state, events.slice(0, from)),
        ...state.resync([]),
        ...play(state, rest),
      ];
      expect(textOf(told, 'reasoning')).toBe('hmm');
      expect(textOf(told, 'text')).toBe('let me seedone now');
    }),
  );
});

test('a refused key is one error, though it is told several times', () => {
  const state = newTurn();
  const events = play(state, recorded('refused'));
  expect(only(events, 'error')).toMatchObject([{ code: 'provider_auth', retryable: false }]);
  expect(state.failed).toBe(true);
  expect(state.finished).toBe(true);
});

test('retries are told, and cut off after two', () => {
  const state = newTurn({ now: Date.now });
  let stoppedAt = 0;
  const events = recorded('retried');
  for (const event of events) {
    state.accept(event);
    if (state.stop === null) stoppedAt += 1;
  }
  expect(state.stop).toBe('retries');
  expect(stoppedAt).toBeLessThan(events.length - 1);
  const all = play(newTurn({ now: Date.now }), events);
  expect(only(all, 'error')).toMatchObject([{ code: expect.stringMatching(/^provider_/) }]);
  expect(only(all, 'system').length).toBeGreaterThanOrEqual(3);
});

test('a retry far in the future is not waited for', () => {
  const state = newTurn({ now: () => 0 });
  const retry = (next: number) =>
    state.accept({
      type: 'session.status',
      properties: {
        sessionID: 'ses_root',
        status: { type: 'retry', attempt: 1, message: 'Rate limit reached', next },
      },
      raw: null,
    });
  retry(5_000);
  expect(state.stop).toBeNull();
  expect(only(retry(3_600_000), 'error')).toMatchObject([{ code: 'provider_rate_limited' }]);
  expect(state.stop).toBe('retries');
});

test('a question is an ask with its choices, answered by the platform', () => {
  const state = newTurn();
  const events = play(state, recorded('question'), (told) => {
    if (told.type !== 'ask') return;
    state.asks.answer(told.requestId, { decision: 'approve_once', message: 'B' });
    state.takeAnswers();
  });
  expect(only(events, 'ask')).toMatchObject([
    { kind: 'question', message: 'Which?', options: ['A', 'B'], rule: null },
  ]);
  expect(only(events, 'tool_result')[0]).toMatchObject({ isError: false });
  expect(only(events, 'error')).toEqual([]);
  expect(state.finished).toBe(true);
});

test('a turn lasts until a sub-agent in the background is done and told of', () => {
  const state = newTurn();
  const finishedAt: number[] = [];
  const events: HarnessEvent[] = [];
  const recording = recorded('background');
  recording.forEach((event, at) => {
    events.push(...state.accept(event));
    if (state.finished) finishedAt.push(at);
  });
  const idles = recording.flatMap((event, at) => {
    if (event.type !== 'session.status' || event.properties.status.type !== 'idle') return [];
    return [at];
  });
  // The session rests once before the sub-agent has ended, and once more at the very end.
  expect(idles.length).toBeGreaterThanOrEqual(3);
  expect(Math.min(...finishedAt)).toBe(idles.at(-1));
  expect(textOf(events, 'text')).toMatch(/^callingmain done/);
  expect(textOf(events, 'text')).not.toContain('sub says hi');
  expect(only(events, 'system')).toMatchObject([
    {
      kind: 'subagent_text',
      message: 'sub says hi',
      detail: { agent: 'general', tool_use_id: expect.stringMatching(/^toolu_/) },
    },
  ]);
});

test('written files and unknown events are told', () => {
  const state = newTurn();
  const events = play(state, recorded('edited'));
  expect(only(events, 'file')).toEqual([{ type: 'file', path: 'notes.txt', change: 'added' }]);
  expect(only(events, 'system')).toMatchObject([
    { kind: 'todo.updated', detail: { todos: [{ content: 'roast' }] } },
  ]);
});

test('events of other sessions are not of this turn', () => {
  const state = new TurnState({
    family: new Family('ses_other'),
    workspace: '/workspace',
    thinking: true,
    retiredAsks: new Set(),
    now: () => 0,
  });
  const events = play(state, recorded('tools'));
  expect(events).toEqual([]);
  expect(state.started).toBe(false);
});

test('files outside the workspace are not told', () => {
  const state = newTurn();
  const changed = (file: string) =>
    state.accept({ type: 'file.watcher.updated', properties: { file, event: 'add' }, raw: null });
  expect(changed('/etc/passwd')).toEqual([]);
  expect(changed('/workspace/../etc/passwd')).toEqual([]);
  expect(changed('/workspace')).toEqual([]);
  expect(changed('/workspace/a/b')).toMatchObject([{ path: 'a/b', change: 'added' }]);
});

test('an ask whose tool call never tells its input is shown with what is known', () => {
  const state = newTurn();
  const asked = state.accept({
    type: 'permission.asked',
    properties: {
      id: 'per_1',
      sessionID: 'ses_root',
      permission: 'bash',
      patterns: ['ls'],
      always: [],
      metadata: { command: 'ls' },
      tool: { messageID: 'msg_1', callID: 'call_1' },
    },
    raw: null,
  });
  expect(asked).toEqual([]);
  expect(state.asks.hidden).toBe(true);
  expect(state.showHiddenAsks()).toMatchObject([
    { type: 'ask', tool: 'bash', input: { command: 'ls' }, rule: null },
  ]);
  expect(state.dropAsks()).toMatchObject([{ requestId: 'per_1', by: 'harness' }]);
});
