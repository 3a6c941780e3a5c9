import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Prompt, PromptMessage } from '../prompt.ts';
import { applicationInstructions } from './instructions.ts';
import { talk } from './talk.ts';
import { isTitleRequest, titleOf } from './title.ts';

/** A coffee roaster's shop assistant: the example that new users meet first. */
const SHOP = readFileSync(
  new URL('../../../../../examples/support-bot/AGENTS.md', import.meta.url),
  'utf8',
);

/** As OpenCode 1.18 sends it. */
const opencode = (
  file: string,
  agent = 'You are opencode, an interactive CLI tool. Shipping is 1.',
) =>
  `${agent}\nYou are powered by the model named x.\n<env>\n  Platform: linux\n</env>\n` +
  `Instructions from: /workspace/AGENTS.md\n${file}\n\n` +
  'Skills provide specialized instructions and workflows for specific tasks.\n' +
  '<available_skills>\n  <skill><name>shipping</name></skill>\n</available_skills>';

/** As Claude Code 2.1 sends it, in the first user message. */
const claude = (file: string) =>
  "<system-reminder>\nAs you answer the user's questions, you can use the following context:\n# claudeMd\n" +
  'Codebase and user instructions are shown below. Be sure to adhere to these instructions.\n\n' +
  `Contents of /workspace/CLAUDE.md (project instructions, checked into the codebase):\n\n${file}\n\n` +
  '      IMPORTANT: this context may or may not be relevant to your tasks.\n</system-reminder>\n';

const user = (...texts: string[]): PromptMessage => ({ role: 'user', texts, other: [], media: 0 });
const assistant: PromptMessage = { role: 'assistant', texts: ['…'], other: [], media: 0 };

function prompt(system: string[], messages: PromptMessage[]): Prompt {
  const rest = { model: 'm', stream: true, includeUsage: true, maxOutputTokens: null, tools: [] };
  return { ...rest, system, messages };
}

function answer(...said: string[]): string {
  const messages = said.flatMap((text) => [user(text), assistant]).slice(0, -1);
  return talk(prompt([opencode(SHOP)], messages)).text.join('');
}

describe('the shop assistant, offline', () => {
  it.each([
    ['Are you open on Saturday?', /Saturday from 9:00 to 17:00/],
    ['what are your opening hours', /Tuesday to Friday from 8:00/],
    ['Where is the shop?', /Koopvaardijlaan 12/],
    ['How can I contact you?', /hello@emberandoak/],
    ['Do you ship to France?', /France and Germany costs 7.90/],
    ['how much is shipping within Belgium?', /Belgium costs 4.50 euro/],
    ['Do you ship to the US?', /do not ship outside the European Union/],
    ['how long does delivery take', /one to two working days/],
    ['Can I return an opened bag?', /Opened coffee cannot be returned/],
    ['I want my money back', /refund/i],
    ['My parcel arrived damaged!', /send us a photo/],
    ['Do you have decaf?', /Embers Out/],
    ['which coffee for a french press?', /French press/],
    ['How do I cancel my subscription?', /cancel a subscription at any time/],
    ['which payments do you accept?', /Bancontact/],
    ['When do you roast?', /roast on Monday and Thursday/],
    ['tell me about Kindling', /light roast: bergamot/],
    ['What can I return?', /unopened bag/],
    ['What can I ask?', /ask me about opening hours/],
    ['what can you do', /ask me about opening hours/],
    ['What do you sell?', /^Hello! I am the Ember.*opening hours.*our roasts/],
    ['what products do you have', /^Hello! I am the Ember.*our roasts/],
    ['What roasts do you have?', /dark roast/],
  ])('%s', (question, expected) => {
    expect(answer(question)).toMatch(expected);
  });

  it('greets with its name and what can be asked', () => {
    expect(answer('Hello there!')).toMatch(/Ember & Oak shop assistant.*opening hours, .* or /);
  });

  it.each(['What is the capital of Peru?', 'do you sell bicycles?', 'can you write me a poem?'])(
    'says what it is when nothing matches: %s',
    (question) => {
      expect(answer(question)).toMatch(/demo model: no provider key.*ask me about opening hours/);
    },
  );

  it('understands a short follow-up by the question before', () => {
    expect(answer('How much is shipping to Belgium?', 'and to Germany?')).toMatch(/costs 7.90/);
  });

  it('never repeats its own role as an answer', () => {
    expect(answer('Are there facts about the shop assistant?')).not.toMatch(/^You are/);
  });
});

describe('what was said before', () => {
  it('is remembered: questions and what a person tells of themselves', () => {
    const said = ['My name is Ada.', 'my order number is 4711', 'Do you ship to France?'];
    expect(answer(...said.slice(0, 1))).toBe('Nice to meet you, Ada! What can I do for you?');
    expect(answer(...said.slice(0, 2))).toMatch(/order number is 4711/);
    expect(answer(...said, "What's my name?")).toBe('Your name is Ada.');
    expect(answer(...said, 'what was my order number?')).toBe('Your order number is 4711.');
    expect(answer(...said, 'What did I ask before?')).toMatch(/then "Do you ship to France\?"/);
    expect(answer(...said, 'What was my first question?')).toMatch(/"My name is Ada\."/);
    expect(answer('what did I ask you before?')).toMatch(/first thing/);
  });
});

describe('an answer', () => {
  it('comes word by word, in a natural pace, and never with tools', () => {
    const reply = talk(prompt([opencode(SHOP)], [user('When do you roast?')]));
    expect(reply.text.length).toBeGreaterThan(10);
    expect(reply.text.every((word) => /^\s*\S+$/.test(word))).toBe(true);
    expect(reply.pace).toMatchObject({ gapMs: 15, ending: 'complete' });
    expect(reply.tools).toEqual([]);
  });

  it('is the same for the same conversation', () => {
    expect(answer('hi', 'Do you ship to France?')).toBe(answer('hi', 'Do you ship to France?'));
  });

  it('is there for an empty conversation and empty instructions', () => {
    expect(talk(prompt([], [user('')])).text.join('')).toMatch(/demo model/);
  });
});

describe('the application in what a harness sends', () => {
  it('OpenCode: the quoted files and the agent, not the harness', () => {
    const found = applicationInstructions(prompt([opencode('# App\nText.')], []));
    expect(found).toEqual(['# App\nText.']);
    const agent = applicationInstructions(prompt([opencode('# App', 'You handle returns.')], []));
    expect(agent).toEqual(['You handle returns.', '# App']);
  });

  it('Claude Code: the quoted files in the first message', () => {
    const system = ['You are Claude Code, the official CLI.'];
    const found = applicationInstructions(prompt(system, [user(claude('# App\nText.'), 'hi')]));
    expect(found).toEqual(['# App\nText.']);
    const question = user(claude(SHOP), 'Do you have decaf?');
    expect(talk(prompt(system, [question])).text.join('')).toMatch(/Embers Out/);
  });

  it('Claude Code: nothing of its own prompt, whatever the files hold', () => {
    const system = [
      'x-anthropic-billing-header: cc_version=2.1.330; cc_entrypoint=sdk-cli;',
      "You are a Claude agent, built on Anthropic's Claude Agent SDK.",
      '\nYou are an agent working with the user toward their goals.\n\nA library that opens at ten is a library.',
    ];
    expect(applicationInstructions(prompt(system, [user('When do you open?')]))).toEqual([]);
  });

  it('no known harness: the whole system prompt', () => {
    expect(applicationInstructions(prompt(['You sell tea.'], []))).toEqual(['You sell tea.']);
  });
});

describe('questions and answers in other forms', () => {
  const faq = [
    '# Help',
    '## FAQ',
    '**Do you roast to order?**',
    'Yes, every Monday.',
    '',
    'Q: Is parking free?',
    '',
    'A: For two hours.',
    '',
    '| Room | Seats |',
    '| --- | --- |',
    '| Attic | 12 |',
    '',
    '```',
    'parking --secret',
    '```',
    'If a customer asks about dogs, tell them that dogs are welcome',
  ].join('\n');
  const ask = (question: string) => talk(prompt([faq], [user(question)])).text.join('');

  it.each([
    ['do you roast to order?', 'Yes, every Monday.'],
    ['is the parking free?', 'For two hours.'],
    ['how many seats has the attic?', 'Attic – 12.'],
    ['are dogs allowed?', 'Dogs are welcome.'],
  ])('%s', (question, expected) => {
    expect(ask(question)).toBe(expected);
  });
});

describe('the name of a conversation', () => {
  const system = ['You are a title generator. You output ONLY a thread title. Nothing else.'];
  const title = (text: string) => {
    const request = prompt(system, [user('Generate a title for this conversation:\n'), user(text)]);
    expect(isTitleRequest(request)).toBe(true);
    return titleOf(request);
  };

  it('is short and made of what the person said', () => {
    expect(title('"When do you ship orders?"')).toBe('When do you ship orders');
    expect(title('one two three four five six seven')).toBe('one two three four five six');
  });

  it('is no script', () => {
    expect(title('please do @@[{"err":500}]@@')).toBe('please do');
    expect(title('@@[{"err":500}]@@')).toBe('New conversation');
  });

  it('is asked for only by such instructions', () => {
    expect(isTitleRequest(prompt(['You sell coffee.'], []))).toBe(false);
  });
});
