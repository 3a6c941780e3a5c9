import { expect, test } from 'vitest';
import { HarnessError } from '../../port.ts';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say, Talk } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** A harness asks before it acts, and each ask is answered for itself. */
export function approvalCases(context: CaseContext): void {
  test('an approved tool runs, once', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const tool = kit.dialect.shell('echo approved');
    const talk = new Talk(session, scripted({ tools: [tool] }, { text: 'done' }));
    const ask = await talk.next('ask');
    expect(ask).toMatchObject({ kind: 'permission', tool: tool.name, input: tool.input });
    expect(talk.all('tool_use')).toHaveLength(1);
    await talk.approve(ask.requestId);
    await talk.done;
    expect(talk.all('ask_resolved')).toMatchObject([
      { requestId: ask.requestId, decision: 'approve_once', by: 'platform' },
    ]);
    expect(talk.all('tool_result')[0]?.output).toContain('approved');
    expectEnd(talk, 'end_turn');
    // Once means once: the same tool asks again.
    const again = new Talk(session, scripted({ tools: [tool] }, { text: 'done' }));
    await again.deny((await again.next('ask')).requestId, 'not again');
    await again.done;
  });

  test('a denied tool does not run; the agent is told why and goes on', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const tool = kit.dialect.shell('touch denied.txt');
    const talk = new Talk(session, scripted({ tools: [tool] }, { text: 'as you wish' }));
    const { requestId } = await talk.next('ask');
    await talk.deny(requestId, 'keep the folder clean');
    await talk.done;
    const [result] = talk.all('tool_result');
    expect(result).toMatchObject({ isError: true });
    expect(result?.output).toContain('keep the folder clean');
    expect(talk.text).toBe('as you wish');
    expect(talk.all('ask_resolved')).toMatchObject([{ decision: 'deny', by: 'platform' }]);
    expectEnd(talk, 'end_turn');
    const look = await say(session, scripted({ tools: [kit.dialect.shell(FREE.list)] }, {}));
    expect(look.all('tool_result')[0]?.output).not.toContain('denied.txt');
  });

  test('of two tools at once each is answered for itself', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const tools = [kit.dialect.shell('echo first'), kit.dialect.shell('echo second')];
    const talk = new Talk(session, scripted({ tools }, { text: 'both answered' }));
    const isFirst = (input: unknown) => JSON.stringify(input).includes('first');
    for (let answered = 1; answered <= 2; answered += 1) {
      const ask = await talk.next('ask', () => true, answered);
      if (isFirst(ask.input)) await talk.deny(ask.requestId, 'not the first');
      else await talk.approve(ask.requestId);
    }
    await talk.done;
    const uses = talk.all('tool_use');
    const resultOf = (first: boolean) => {
      const use = uses.find(({ input }) => isFirst(input) === first);
      return talk.all('tool_result').find(({ toolUseId }) => toolUseId === use?.toolUseId);
    };
    expect(resultOf(true)).toMatchObject({ isError: true });
    expect(resultOf(true)?.output).toContain('not the first');
    expect(resultOf(false)).toMatchObject({ isError: false });
    expect(resultOf(false)?.output).toContain('second');
    expect(talk.text).toBe('both answered');
    expectEnd(talk, 'end_turn');
  });

  test('an answer to nothing is refused', async () => {
    const { session } = await context.shared();
    const answer = session.answer('nothing', { decision: 'approve_once', message: '' });
    await expect(answer).rejects.toBeInstanceOf(HarnessError);
    await expect(answer).rejects.toMatchObject({ code: 'unknown_ask' });
  });

  test.skipIf(context.kit.dialect.question === null)(
    'a question waits for its answer',
    async () => {
      const { question } = context.kit.dialect;
      if (question === null) return;
      const { session } = await context.shared();
      const tool = question('Light or dark?', ['light', 'dark']);
      const talk = new Talk(session, scripted({ tools: [tool] }, { text: 'noted' }));
      const ask = await talk.next('ask');
      expect(ask).toMatchObject({ kind: 'question', options: ['light', 'dark'] });
      expect(ask.message).toContain('Light or dark?');
      await session.answer(ask.requestId, { decision: 'approve_once', message: 'dark' });
      await talk.done;
      expect(talk.all('tool_result')[0]?.output).toContain('dark');
      expectEnd(talk, 'end_turn');
    },
  );
}
