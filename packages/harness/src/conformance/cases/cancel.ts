import { expect, test } from 'vitest';
import type { HarnessSession } from '../../port.ts';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say, Talk } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** A turn can be cancelled at any moment, and the session goes on after it. */
export function cancelCases(context: CaseContext): void {
  test('before the first token', async () => {
    const { session } = await context.shared();
    const talk = new Talk(session, scripted({ delay: 30_000, text: 'too late' }));
    // The moment is before anything is known of the turn.
    talk.cancel();
    await talk.done;
    expect(talk.text).toBe('');
    expectEnd(talk, 'cancelled');
    await goesOn(session);
  });

  test('while the model is silent', async () => {
    const stand = await context.shared();
    const talk = new Talk(stand.session, scripted({ text: 'quiet', hang: true }));
    await talk.next('text');
    talk.cancel();
    await talk.done;
    expect(talk.text).toBe('quiet');
    expectEnd(talk, 'cancelled');
    await goesOn(stand.session);
  });

  test('in the middle of the text', async () => {
    const { session } = await context.shared();
    const talk = new Talk(session, scripted({ text: 'a '.repeat(2000), n: 2000, gap: 10 }));
    await talk.next('text', () => true, 3);
    talk.cancel();
    await talk.done;
    expect(talk.text.length).toBeLessThan(4000);
    expectEnd(talk, 'cancelled');
    await goesOn(session);
  });

  test('in a tool, which ends with it', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const tools = [kit.dialect.shell(FREE.sleep)];
    const talk = new Talk(session, scripted({ tools }, { text: 'never said' }));
    await talk.next('tool_use');
    talk.cancel();
    await talk.done;
    expect(talk.text).toBe('');
    expectEnd(talk, 'cancelled');
    await goesOn(session);
    const look = await say(session, scripted({ tools: [kit.dialect.shell(FREE.sleepers)] }, {}));
    expect(look.all('tool_result')[0]?.output).toContain('sleepers: 0');
  });

  test('while an approval waits', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const tools = [kit.dialect.shell('echo never')];
    const talk = new Talk(session, scripted({ tools }, { text: 'never said' }));
    const ask = await talk.next('ask');
    talk.cancel();
    await talk.done;
    expectEnd(talk, 'cancelled');
    expect(talk.all('ask_resolved')).toMatchObject([
      { requestId: ask.requestId, decision: 'deny', by: 'harness' },
    ]);
    const late = session.answer(ask.requestId, { decision: 'approve_once', message: '' });
    await expect(late).rejects.toMatchObject({ code: 'unknown_ask' });
    await goesOn(session);
  });
}

/** A whole turn with a tool works. */
async function goesOn(session: HarnessSession): Promise<void> {
  const talk = await say(session, scripted({ text: 'still here' }));
  expect(talk.text).toBe('still here');
  expectEnd(talk, 'end_turn');
}
