import { expect, test } from 'vitest';
import type { HarnessSession, StoredMessage } from '../../port.ts';
import { FREE, type Stand } from '../kit.ts';
import { scripted } from '../script.ts';
import { say, Talk } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** Words that weigh some two thousand tokens, so that a model that is sent them counts them. */
const LONG = 'coffee '.repeat(2000);
const LONG_TOKENS = 1500;

/**
 * One conversation from a warmed-up start through fresh processes and three deaths: it outlives its
 * process and its sandbox, however they end. Each case goes on where the one before it stopped.
 */
export function lifeCases(context: CaseContext): void {
  const { kit } = context;
  const { dialect } = kit;
  let stand: Stand;
  let resumeId: string;
  let firstInput = 0;
  /** The session that has ended, however. */
  let ended: HarnessSession | null = null;

  const stored = async (): Promise<StoredMessage[]> => {
    const messages: StoredMessage[] = [];
    for await (const message of kit.harness.history(await stand.reader(), resumeId)) {
      messages.push(message);
    }
    return messages;
  };
  const takeUp = async () => {
    const { volume, session } = stand;
    ended = session;
    await stand.end();
    stand = await context.own({ fixture: 'basic', volume, resumeId });
  };

  test('warming leaves no trace, and its call is nobody’s', async () => {
    stand = await context.own({ fixture: 'basic', warm: true });
    await stand.claim();
    const { result, usage, calls } = await stand.metered(() =>
      say(stand.session, scripted({ text: 'first words' })),
    );
    expect(result.text).toBe('first words');
    expectEnd(result, 'end_turn');
    expect(calls).toBe(1);
    firstInput = usage.input_tokens;
    expect(stand.session.resumeId).not.toBeNull();
    resumeId = stand.session.resumeId ?? '';
    expect((await stored()).map(({ role, parts }) => ({ role, parts }))).toEqual([
      { role: 'user', parts: [{ type: 'text', text: scripted({ text: 'first words' }) }] },
      { role: 'assistant', parts: [{ type: 'text', text: 'first words' }] },
    ]);
  });

  test('a fresh process in a fresh sandbox takes the conversation up', async () => {
    await say(stand.session, `${LONG} ${scripted({ text: 'I will remember' })}`);
    for (const path of dialect.absentFiles) {
      const tools = [dialect.shell(FREE.overwrite(path))];
      await say(stand.session, scripted({ tools }, { text: 'planted' }));
    }
    await takeUp();
    expect(stand.session.resumeId).toBe(resumeId);
    const { result, usage } = await stand.metered(() =>
      say(stand.session, scripted({ text: 'short' })),
    );
    expectEnd(result, 'end_turn');
    // The model was sent what was said before.
    expect(usage.input_tokens).toBeGreaterThan(firstInput + LONG_TOKENS);
    // What was planted where the release has nothing is gone.
    for (const path of dialect.absentFiles) {
      const tools = [dialect.shell(FREE.show(path))];
      const look = await say(stand.session, scripted({ tools }, { text: 'looked' }));
      expect(look.all('tool_result')[0]?.output, path).not.toContain('REWRITTEN');
    }
  });

  const deaths: { when: string; reach(talk: Talk): Promise<unknown>; script: string }[] = [
    {
      when: 'in the middle of the text',
      script: scripted({ text: 'half a sen', hang: true }),
      reach: (talk) => talk.next('text'),
    },
    {
      when: 'in a tool',
      script: scripted({ tools: [dialect.shell(FREE.sleep)] }, { text: 'never said' }),
      reach: (talk) => talk.next('tool_use'),
    },
    {
      when: 'while an approval waits',
      script: scripted({ tools: [dialect.shell('echo never')] }, { text: 'never said' }),
      reach: (talk) => talk.next('ask'),
    },
  ];
  for (const { when, reach, script } of deaths) {
    test(`a death by SIGKILL ${when} is told, and poisons nothing`, async () => {
      // Only after a case that failed on its way: what it left is no live harness.
      if (stand.session === ended) await takeUp();
      const talk = new Talk(stand.session, script);
      await reach(talk);
      ended = stand.session;
      stand.killHarness();
      await talk.done;
      expect(talk.all('error'), talk.summary()).toMatchObject([{ code: 'harness_exited' }]);
      expectEnd(talk, 'error');
      await stand.session.exited;
      expectEnd(await say(stand.session, scripted({ text: 'nobody' })), 'error');

      await takeUp();
      const tools = [dialect.shell(FREE.word)];
      const again = await say(stand.session, scripted({ tools }, { text: `alive, ${when}` }));
      expect(again.text).toBe(`alive, ${when}`);
      expect(again.all('tool_result')).toHaveLength(1);
      expect(again.all('ask')).toEqual([]);
      expectEnd(again, 'end_turn');
    });
  }

  test('the whole history is there, and is read as well when nothing runs', async () => {
    const running = await stored();
    const texts = running.flatMap(({ role, parts }) =>
      parts.flatMap((part) => (part.type === 'text' ? [`${role}: ${part.text}`] : [])),
    );
    expect(texts).toContain('assistant: first words');
    expect(texts).toContain('assistant: I will remember');
    expect(texts).toContain(`user: ${scripted({ text: 'short' })}`);
    for (const { when } of deaths) expect(texts).toContain(`assistant: alive, ${when}`);
    await stand.session.close();
    expect(await stored()).toEqual(running);
    await stand.end();
  });

  test('a conversation that is not there cannot be taken up', async () => {
    const opening = context.own({ fixture: 'basic', resumeId: dialect.unknownId });
    await expect(opening).rejects.toMatchObject({ code: 'cannot_resume' });
  });
}
