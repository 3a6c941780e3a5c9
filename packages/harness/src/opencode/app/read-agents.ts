import { readFrontMatter } from '../../app/index.ts';
import type { AppFolder, AppProblem } from '../../port.ts';
import { type ConfigFile, isObject } from './config-files.ts';
import { configProblems } from './config-problems.ts';

/** A text of the folder and where it stands. */
export interface Placed {
  name: string;
  file: string;
  line: number;
}

export interface AppAgent {
  name: string;
  description: string | null;
  file: string;
  /** It can lead a conversation; others are only called by agents. */
  leads: boolean;
  model: Placed | null;
}

const AGENT_FILE = /^\.opencode\/agents?\/(.+)\.md$/;
const MODE_FILE = /^\.opencode\/modes?\/([^/]+)\.md$/;

/** The folder's own agents, by name; a later definition of a name changes the earlier one. */
export function readAgents(
  app: AppFolder,
  configs: readonly ConfigFile[],
): { agents: AppAgent[]; problems: AppProblem[] } {
  const agents = new Map<string, AppAgent>();
  const problems: AppProblem[] = [];
  const define = (
    name: string,
    file: string,
    given: Readonly<Record<string, unknown>>,
    lineOf: (key: string) => number,
  ) => {
    if (given.disable === true) {
      agents.delete(name);
      return;
    }
    const known = agents.get(name);
    const leads = given.hidden !== true && given.mode !== 'subagent';
    const model =
      typeof given.model === 'string' ? { name: given.model, file, line: lineOf('model') } : null;
    agents.set(name, {
      name,
      description: textOf(given.description) ?? known?.description ?? null,
      file,
      leads: given.mode === undefined && known !== undefined ? known.leads : leads,
      model: model ?? known?.model ?? null,
    });
  };
  for (const { file, document } of configs) {
    for (const section of ['agent', 'mode']) {
      const entries = document.get([section]);
      for (const [name, given] of isObject(entries) ? Object.entries(entries) : []) {
        if (!isObject(given)) continue;
        define(name, file, given, (key) => document.position([section, name, key]).line);
      }
    }
  }
  for (const file of app.paths) {
    const name = (AGENT_FILE.exec(file) ?? MODE_FILE.exec(file))?.[1];
    const text = name === undefined ? null : app.text(file);
    if (name === undefined || text === null) continue;
    const matter = readFrontMatter(text, file);
    problems.push(...matter.problems);
    const data = matter.data ?? {};
    const lineOf = ([key]: readonly (string | number)[]) => matter.lineOf(String(key));
    problems.push(...configProblems('agent', data, { file, lineOf }));
    const mode = MODE_FILE.test(file) ? { mode: 'primary' } : {};
    define(textOf(data.name) ?? name, file, { ...data, ...mode }, matter.lineOf);
  }
  return { agents: [...agents.values()], problems };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
