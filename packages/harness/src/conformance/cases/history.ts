import { expect, test } from 'vitest';
import type { StoredMessage } from '../../port.ts';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say } from '../talk.ts';
import type { CaseContext } from './context.ts';

/** A conversation is read from the harness's own store. */
export function historyCases(context: CaseContext): void {
  test('history tells what was said, thought and done, in order, while the harness runs', async () => {
    const { kit } = context;
    const stand = await context.shared();
    const tool = kit.dialect.shell(FREE.word);
    const message = scripted({ think: 'hm', text: 'look: ', tools: [tool] }, { text: 'done' });
    await say(stand.session, message, { thinking: true });
    const { resumeId } = stand.session;
    if (resumeId === null) throw new Error('the session has no id');
    const all: StoredMessage[] = [];
    for await (const each of kit.harness.history(await stand.reader(), resumeId)) all.push(each);
    const texts = all.map(({ parts }) => JSON.stringify(parts));
    const from = texts.lastIndexOf(JSON.stringify([{ type: 'text', text: message }]));
    const [question, ...answers] = all.slice(from);
    expect(question).toMatchObject({ role: 'user', parts: [{ type: 'text', text: message }] });
    expect(answers.every(({ role }) => role === 'assistant')).toBe(true);
    expect(answers.flatMap(({ parts }) => parts)).toMatchObject([
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'look: ' },
      { type: 'tool_use', tool_name: tool.name, tool_input: tool.input },
      { type: 'tool_result', output: expect.stringContaining('word'), is_error: false },
      { type: 'text', text: 'done' },
    ]);
    expect(all.every(({ createdAt }) => createdAt instanceof Date)).toBe(true);
  });
}
