import { expect, test } from 'vitest';
import type { Stand } from '../kit.ts';
import { FREE } from '../kit.ts';
import { scripted } from '../script.ts';
import { say, Talk } from '../talk.ts';
import { type CaseContext, expectEnd } from './context.ts';

/** Words that weigh some two thousand tokens, so that a model that is sent them counts them. */
const LONG = 'coffee '.repeat(2000);
const LONG_TOKENS = 1500;

/** A conversation outlives its process and its sandbox, however they end. */
export function resumeCases(context: CaseContext): void {
  const { kit } = context;

  test('a fresh process in a fresh sandbox takes the conversation up', async () => {
    const first = await context.own({ fixture: 'basic' });
    const fresh = await first.metered(() => say(first.session, scripted({ text: 'short' })));
    await say(first.session, `${LONG} ${scripted({ text: 'I will remember' })}`);
    const { resumeId } = first.session;
    expect(resumeId).not.toBeNull();
    for (const path of kit.dialect.absentFiles) {
      const tools = [kit.dialect.shell(FREE.overwrite(path))];
      await say(first.session, scripted({ tools }, { text: 'planted' }));
    }
    await first.end();

    const second = await context.own({ fixture: 'basic', volume: first.volume, resumeId });
    expect(second.session.resumeId).toBe(resumeId);
    const later = await second.metered(() => say(second.session, scripted({ text: 'short' })));
    expectEnd(later.result, 'end_turn');
    // The model was sent what was said before.
    expect(later.usage.input_tokens).toBeGreaterThan(fresh.usage.input_tokens + LONG_TOKENS);
    const said = await storedTexts(context, second);
    expect(said.filter((text) => text.includes('I will remember'))).not.toEqual([]);
    expect(said.at(-1)).toBe('short');
    // What was planted where the release has nothing is gone.
    for (const path of kit.dialect.absentFiles) {
      const tools = [kit.dialect.shell(FREE.show(path))];
      const look = await say(second.session, scripted({ tools }, { text: 'looked' }));
      expect(look.all('tool_result')[0]?.output, path).not.toContain('REWRITTEN');
    }
  });

  test('a conversation that is not there cannot be taken up', async () => {
    const opening = context.own({ fixture: 'basic', resumeId: kit.dialect.unknownId });
    await expect(opening).rejects.toMatchObject({ code: 'cannot_resume' });
  });

  const deaths: { name: string; reach(talk: Talk): Promise<unknown>; script: string }[] = [
    {
      name: 'in the middle of the text',
      script: scripted({ text: 'half a sen', hang: true }),
      reach: (talk) => talk.next('text'),
    },
    {
      name: 'in a tool',
      script: scripted({ tools: [kit.dialect.shell(FREE.sleep)] }, { text: 'never said' }),
      reach: (talk) => talk.next('tool_use'),
    },
    {
      name: 'while an approval waits',
      script: scripted({ tools: [kit.dialect.shell('echo never')] }, { text: 'never said' }),
      reach: (talk) => talk.next('ask'),
    },
  ];
  test('a death by SIGKILL is told, and poisons nothing', async () => {
    let stand = await context.own({ fixture: 'basic' });
    const { volume } = stand;
    await say(stand.session, scripted({ text: 'before all' }));
    const { resumeId } = stand.session;
    for (const { name, script, reach } of deaths) {
      const talk = new Talk(stand.session, script);
      await reach(talk);
      stand.killHarness();
      await talk.done;
      expect(talk.all('error'), name).toMatchObject([{ code: 'harness_exited' }]);
      expectEnd(talk, 'error');
      await stand.session.exited;
      const dead = await say(stand.session, scripted({ text: 'nobody' }));
      expectEnd(dead, 'error');
      await stand.end();

      stand = await context.own({ fixture: 'basic', volume, resumeId });
      const tools = [kit.dialect.shell(FREE.word)];
      const again = await say(stand.session, scripted({ tools }, { text: 'alive' }));
      expect(again.text, name).toBe('alive');
      expect(again.all('tool_result'), name).toHaveLength(1);
      expect(again.all('ask'), name).toEqual([]);
      expectEnd(again, 'end_turn');
    }
    const said = await storedTexts(context, stand);
    expect(said[0]).toBe(scripted({ text: 'before all' }));
    expect(said.filter((text) => text === 'alive')).toHaveLength(3);
  });
}

async function storedTexts({ kit }: CaseContext, stand: Stand): Promise<string[]> {
  const { resumeId } = stand.session;
  if (resumeId === null) throw new Error('the session has no id');
  const texts: string[] = [];
  for await (const { parts } of kit.harness.history(await stand.reader(), resumeId)) {
    for (const part of parts) if (part.type === 'text') texts.push(part.text);
  }
  return texts;
}
