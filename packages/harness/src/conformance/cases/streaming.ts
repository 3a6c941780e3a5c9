import { expect, test } from 'vitest';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say, Talk } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** A turn's words, thoughts and steps arrive as they are made. */
export function streamingCases(context: CaseContext): void {
  test('text arrives in pieces while the model still speaks', async () => {
    const { session } = await context.shared();
    const text = 'one two three four five six';
    const talk = await say(session, scripted({ text, n: 6, gap: 20 }));
    expect(talk.text).toBe(text);
    expect(talk.all('text').length).toBeGreaterThanOrEqual(4);
    expectEnd(talk, 'end_turn');
  });

  test('thinking is told to who asks for it, before the text', async () => {
    const { session } = await context.shared();
    const message = scripted({ think: 'let me think', text: 'I have thought' });
    const talk = await say(session, message, { thinking: true });
    expect(talk.reasoning).toBe('let me think');
    expect(talk.text).toBe('I have thought');
    const types = talk.events.map(({ type }) => type);
    expect(types.indexOf('reasoning')).toBeLessThan(types.indexOf('text'));
  });

  test('thinking is not told to who does not ask', async () => {
    const { session } = await context.shared();
    const talk = await say(session, scripted({ think: 'let me think', text: 'I have thought' }));
    expect(talk.reasoning).toBe('');
    expect(talk.text).toBe('I have thought');
  });

  test('a tool is told with its whole input, then with its result', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const tool = kit.dialect.shell(FREE.word);
    const talk = await say(session, scripted({ text: 'a', tools: [tool] }, { text: 'b' }));
    const [use] = talk.all('tool_use');
    expect(use).toMatchObject({ tool: tool.name, input: tool.input });
    expect(talk.all('tool_result')).toMatchObject([
      { toolUseId: use?.toolUseId, output: expect.stringContaining('word'), isError: false },
    ]);
    expect(talk.text).toBe('ab');
    expect(talk.all('ask')).toEqual([]);
    expectEnd(talk, 'end_turn');
  });

  test('a connection that breaks in the middle of a turn costs nothing of it', async () => {
    const stand = await context.shared();
    const words = Array.from({ length: 60 }, (_, at) => `${at} `).join('');
    const tools = [context.kit.dialect.shell(FREE.word)];
    const talk = new Talk(
      stand.session,
      scripted({ text: words, n: 60, gap: 20, tools }, { text: 'last' }),
    );
    await talk.next('text', () => true, 3);
    stand.cutConnections();
    await talk.done;
    expect(talk.text).toBe(`${words}last`);
    expect(talk.all('tool_use')).toHaveLength(1);
    expect(talk.all('tool_result')).toHaveLength(1);
    expectEnd(talk, 'end_turn');
  });

  test('what the platform has no event for is told as a notice', async () => {
    const { kit } = context;
    const { session } = await context.shared();
    const { steps, kind } = kit.dialect.unknownEvent;
    const talk = await say(session, scripted(...steps));
    expect(talk.all('system').map((event) => event.kind)).toContainEqual(
      expect.stringMatching(kind),
    );
    expectEnd(talk, 'end_turn');
  });
}
