import { expect, test } from 'vitest';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** A folder's own files work unchanged, and stay as the release has them. */
export function applicationCases(context: CaseContext): void {
  const { kit } = context;
  const { dialect } = kit;

  test('an agent of the folder answers when it is named, by its own instructions', async () => {
    const { session } = await context.shared();
    const question = 'What is the secret word of the reviewer?';
    const asked = await say(session, question, { agent: 'reviewer' });
    expect(asked.text).toContain('tangerine');
    expectEnd(asked, 'end_turn');
    const other = await say(session, question);
    expect(other.text).not.toContain('tangerine');
  });

  test('an agent that does not exist is an error', async () => {
    const { session } = await context.shared();
    const talk = await say(session, scripted({ text: 'who?' }), { agent: 'nobody' });
    expect(talk.all('error')).toHaveLength(1);
    expectEnd(talk, 'error');
  });

  test('a skill is loaded with its body', async () => {
    const { session } = await context.shared();
    const message = scripted({ tools: [dialect.skill('roasting')] }, { text: 'learnt' });
    const talk = await say(session, message);
    expect(JSON.stringify(talk.events)).toContain('cinnamon-first');
    expect(talk.text).toBe('learnt');
  });

  test('a stdio MCP server of the folder is started and called', async () => {
    const { session } = await context.shared();
    const message = scripted({ tools: [dialect.mcpEcho('over there')] }, { text: 'heard' });
    const talk = await say(session, message);
    expect(talk.all('tool_result')[0]?.output).toContain('echo: over there');
    expect(talk.text).toBe('heard');
  });

  test('a slash command of the folder is expanded', async () => {
    const { session } = await context.shared();
    const talk = await say(session, '/hello Ada');
    expect(talk.text).toBe('Hello from the command, Ada!');
    expectEnd(talk, 'end_turn');
  });

  test.skipIf(!kit.protects)('an agent cannot rewrite its own rules', async () => {
    const { session } = await context.shared();
    for (const path of dialect.protectedFiles) {
      const tools = [dialect.shell(FREE.overwrite(path))];
      const talk = await say(session, scripted({ tools }, { text: 'tried' }));
      expect(talk.all('tool_result')[0]?.output, path).not.toContain('REWRITTEN');
    }
  });
}
