import type { Prompt } from '../prompt.ts';

/** OpenCode puts this before each file of instructions in its system prompt. */
const OPENCODE_FILE = /^Instructions from: .*$/m;
/** Where the instructions of a file end in OpenCode's system prompt. */
const OPENCODE_END = /^(?:Skills provide specialized instructions|<available_skills>)/m;
/** Where the agent's own prompt ends in OpenCode's system prompt. */
const OPENCODE_OWN_END = /^(?:You are powered by the model named|<env>)/m;
/** Claude Code quotes each file of instructions so, in a note of the first user message. */
const CLAUDE_FILE = /^Contents of .*:$/m;
const CLAUDE_END = /^\s*IMPORTANT: this context may or may not be relevant|<\/system-reminder>/m;
/** How harnesses begin their own prompts, which say nothing about the application. */
const HARNESS_PROMPT =
  /^\s*(?:You are (?:opencode|Claude Code|a Claude agent|an? (?:AI )?coding agent|an interactive (?:CLI )?(?:tool|agent)|an agent working with the user toward)|x-anthropic-billing-header)/i;

/**
 * The application's own instructions in a request: the files that a harness quotes and the prompt
 * of the agent, without what the harness says for itself. A system prompt of no known harness is
 * taken whole.
 */
export function applicationInstructions({ system, messages }: Prompt): string[] {
  const found: string[] = [];
  for (const text of system) {
    const [head = '', ...files] = text.split(OPENCODE_FILE);
    const own = before(head, OPENCODE_OWN_END);
    if (!HARNESS_PROMPT.test(own)) found.push(own);
    found.push(...files.map((file) => before(file, OPENCODE_END)));
  }
  for (const { role, texts } of messages) {
    if (role !== 'user') continue;
    for (const text of texts) {
      if (!text.includes('<system-reminder>')) continue;
      found.push(
        ...text
          .split(CLAUDE_FILE)
          .slice(1)
          .map((file) => before(file, CLAUDE_END)),
      );
    }
  }
  return [...new Set(found.map((text) => text.trim()))].filter((text) => text !== '');
}

function before(text: string, end: RegExp): string {
  const at = text.search(end);
  return at === -1 ? text : text.slice(0, at);
}
