import { describe, expect, it } from 'vitest';
import { replay } from '../testing/replay.ts';
import { TurnState } from './turn-state.ts';

const say = (state: string) => ({ type: 'system', subtype: 'session_state_changed', state });
const tasks = (...ids: string[]) => ({
  type: 'system',
  subtype: 'background_tasks_changed',
  tasks: ids.map((task_id) => ({ task_id })),
});

function after(...frames: { type: string; subtype: string }[]): TurnState {
  const state = new TurnState();
  for (const frame of frames) state.take(frame);
  return state;
}

describe('a turn is at rest', () => {
  it('not before it has begun', () => {
    expect(after().rest).toBe('no');
    expect(after(say('idle')).rest).toBe('no');
  });

  it('when the loop is idle and no task is left', () => {
    expect(after(say('running')).rest).toBe('no');
    expect(after(say('running'), say('requires_action')).rest).toBe('no');
    expect(after(say('running'), say('idle')).rest).toBe('yes');
  });

  it('not while a shell runs in the background', () => {
    const state = after(say('running'), tasks('a'), say('idle'));
    expect(state.rest).toBe('no');
    expect(state.loopIdle).toBe(true);
    expect(state.tasks).toEqual(['a']);
  });

  it('perhaps, when the last task ends while the loop is idle', () => {
    const ended = [say('running'), tasks('a'), say('idle'), tasks()];
    expect(after(...ended).rest).toBe('settling');
    expect(after(...ended, say('running')).rest).toBe('no');
    expect(after(...ended, say('running'), say('idle')).rest).toBe('yes');
  });
});

it('takes only frames about the state', () => {
  const state = new TurnState();
  expect(state.take({ type: 'system', subtype: 'init' })).toBe(false);
  expect(state.take({ type: 'system', subtype: 'session_state_changed', state: 'dancing' })).toBe(
    false,
  );
  expect(state.take({ type: 'system', subtype: 'background_tasks_changed', tasks: 7 })).toBe(false);
});

it('waits for a recorded sub-agent and a recorded shell in the background', () => {
  const agent = replay('background-agent').rests;
  expect(agent.indexOf('yes')).toBe(agent.length - 1);
  const { rests, events } = replay('background-shell');
  // The loop was idle with the shell running, settled, went on with its result, and rested.
  expect(rests).toContain('settling');
  expect(rests.indexOf('yes')).toBe(rests.length - 1);
  expect(events.flatMap((event) => (event.type === 'text' ? [event.text] : []))).toEqual([
    'shell',
    ' runs',
    ' ended',
  ]);
});
