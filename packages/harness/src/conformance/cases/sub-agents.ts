import { expect, test } from 'vitest';
import { FREE } from '../kit.ts';
import { carried, scripted } from '../script.ts';
import { say, Talk } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** Sub-agents belong to the turn that started them. */
export function subAgentCases(context: CaseContext): void {
  const { dialect } = context.kit;

  test("a sub-agent's result comes back; its words are not the answer", async () => {
    const { session } = await context.shared();
    const inner = carried({ text: 'found it below' });
    const talk = await say(
      session,
      scripted({ text: 'asking. ', tools: [dialect.subAgent(inner)] }, { text: 'answered' }),
    );
    expect(talk.text).toBe('asking. answered');
    const results = talk.all('tool_result').map(({ output }) => output);
    expect(results).toContainEqual(expect.stringContaining('found it below'));
    expectEnd(talk, 'end_turn');
  });

  test("a sub-agent's asks reach the person", async () => {
    const { session } = await context.shared();
    const tools = [dialect.shell('echo from below')];
    const inner = carried({ tools }, { text: 'below is done' });
    const message = scripted({ tools: [dialect.subAgent(inner)] }, { text: 'all done' });
    const talk = new Talk(session, message);
    const ask = await talk.next('ask');
    expect(JSON.stringify(ask.input)).toContain('echo from below');
    await talk.approve(ask.requestId);
    await talk.done;
    expect(talk.text).toBe('all done');
    expectEnd(talk, 'end_turn');
  });

  test('the turn lasts until a sub-agent in the background has ended', async () => {
    const { session } = await context.shared();
    const inner = carried(
      { tools: [dialect.shell(FREE.word)] },
      { delay: 1500, text: 'late find' },
    );
    const talk = await say(
      session,
      scripted(
        { text: 'started. ', tools: [dialect.backgroundAgent(inner)] },
        { text: 'meanwhile. ' },
      ),
    );
    // What the agent says when it is told of the find is its own.
    expect(talk.text).toMatch(/^started\. meanwhile\. ./);
    expect(JSON.stringify(talk.events)).toContain('late find');
    expectEnd(talk, 'end_turn');
    // Nothing of it spills into the next turn.
    const after = await say(session, scripted({ text: 'next' }));
    expect(after.text).toBe('next');
    expectEnd(after, 'end_turn');
  });

  test('a cancelled turn takes its sub-agents along', async () => {
    const { session } = await context.shared();
    const inner = carried({ tools: [dialect.shell(FREE.sleep)] }, { text: 'never' });
    const message = scripted({ tools: [dialect.subAgent(inner)] }, { text: 'never said' });
    const talk = new Talk(session, message);
    await talk.next('tool_use', ({ input }) => JSON.stringify(input).includes('tool.sh sleep"'));
    talk.cancel();
    await talk.done;
    expectEnd(talk, 'cancelled');
    const look = await say(session, scripted({ tools: [dialect.shell(FREE.sleepers)] }, {}));
    expect(look.all('tool_result')[0]?.output).toContain('sleepers: 0');
  });
}
