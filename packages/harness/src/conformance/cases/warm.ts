import { expect, test } from 'vitest';
import { scripted } from '../script.ts';
import { say } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** A harness that was warmed up is as good as new. */
export function warmCases(context: CaseContext): void {
  test('warming leaves no trace, and its call is nobody’s', async () => {
    const stand = await context.own({ fixture: 'basic', warm: true });
    await stand.claim();
    const { result, calls } = await stand.metered(() =>
      say(stand.session, scripted({ text: 'first words' })),
    );
    expect(result.text).toBe('first words');
    expectEnd(result, 'end_turn');
    expect(calls).toBe(1);
    const { resumeId } = stand.session;
    if (resumeId === null) throw new Error('the session has no id');
    const messages = [];
    for await (const message of context.kit.harness.history(await stand.reader(), resumeId)) {
      messages.push(message);
    }
    expect(messages.map(({ role, parts }) => ({ role, parts }))).toEqual([
      { role: 'user', parts: [{ type: 'text', text: scripted({ text: 'first words' }) }] },
      { role: 'assistant', parts: [{ type: 'text', text: 'first words' }] },
    ]);
  });
}
