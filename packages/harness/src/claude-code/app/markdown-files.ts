import { readFrontMatter } from '../../app/index.ts';
import type { AgentInfo, AppFolder, AppProblem } from '../../port.ts';

const AGENT = /^\.claude\/agents\/(?:.+\/)?([^/]+)\.md$/;
const SKILL = /^\.claude\/skills\/([^/]+)\/SKILL\.md$/;
const COMMAND = /^\.claude\/commands\/.+\.md$/;

export interface ClaudeAgent extends AgentInfo {
  file: string;
  model: { name: string; line: number } | null;
}

export interface MarkdownFiles {
  agents: readonly ClaudeAgent[];
  skills: readonly string[];
  problems: readonly AppProblem[];
}

/** Agents, skills and commands of the folder, from the front matter of their files. */
export function readMarkdownFiles(app: AppFolder): MarkdownFiles {
  const agents: ClaudeAgent[] = [];
  const skills: string[] = [];
  const problems: AppProblem[] = [];
  for (const file of app.paths) {
    const agent = AGENT.exec(file);
    const skill = SKILL.exec(file);
    if (agent === null && skill === null && !COMMAND.test(file)) continue;
    const text = app.text(file);
    if (text === null) {
      problems.push(problem(file, 0, 'not a regular text file below 1 MB'));
      continue;
    }
    const { data, problems: found, lineOf } = readFrontMatter(text, file);
    problems.push(...found);
    if (found.length > 0) continue;
    const text_ = (key: string) => textOf(data?.[key]);
    if (skill !== null) skills.push(text_('name') ?? skill[1] ?? file);
    if (agent === null) continue;
    const name = text_('name');
    if (name === null) {
      // Claude Code passes over such a file: Markdown beside the agents is no agent.
      if (data !== null) problems.push(problem(file, 1, 'an agent needs a name', 'warning'));
      continue;
    }
    if (text_('description') === null) {
      problems.push(
        problem(file, lineOf('description'), 'an agent needs a description', 'warning'),
      );
    }
    const model = text_('model');
    const chosen =
      model === null || model === 'inherit' ? null : { name: model, line: lineOf('model') };
    agents.push({ name, description: text_('description'), file, model: chosen });
  }
  return { agents, skills, problems };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value.trim() : null;
}

function problem(
  file: string,
  line: number,
  message: string,
  severity: AppProblem['severity'] = 'error',
): AppProblem {
  return { severity, file, line, message };
}
