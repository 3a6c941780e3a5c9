import { expect, test } from 'vitest';
import type { StoredMessage } from '../../port.ts';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say } from '../talk.ts';
import type { CaseContext } from './context.ts';

/** A conversation is read from the harness's own store, whether it runs or not. */
export function historyCases(context: CaseContext): void {
  test('history tells what was said and done, in order', async () => {
    const { kit } = context;
    const stand = await context.own({ fixture: 'open' });
    const tool = kit.dialect.shell(FREE.word);
    const message = scripted({ think: 'hm', text: 'look: ', tools: [tool] }, { text: 'done' });
    await say(stand.session, message, { thinking: true });
    const { resumeId } = stand.session;
    if (resumeId === null) throw new Error('the session has no id');
    const read = async () => {
      const messages: StoredMessage[] = [];
      for await (const each of kit.harness.history(await stand.reader(), resumeId)) {
        messages.push(each);
      }
      return messages;
    };
    const running = await read();
    expect(running[0]).toMatchObject({ role: 'user', parts: [{ type: 'text', text: message }] });
    expect(running.slice(1).every(({ role }) => role === 'assistant')).toBe(true);
    const parts = running.slice(1).flatMap((each) => each.parts);
    expect(parts).toMatchObject([
      { type: 'reasoning', text: 'hm' },
      { type: 'text', text: 'look: ' },
      { type: 'tool_use', tool_name: tool.name, tool_input: tool.input },
      { type: 'tool_result', output: expect.stringContaining('word'), is_error: false },
      { type: 'text', text: 'done' },
    ]);
    expect(running.every(({ createdAt }) => createdAt instanceof Date)).toBe(true);

    await stand.session.close();
    expect(await read()).toEqual(running);
  });
}
