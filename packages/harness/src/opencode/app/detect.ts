import type { AgentInfo, AppFolder, Detection } from '../../port.ts';
import { CONFIG_FILES } from './config-files.ts';
import { readApp } from './read-app.ts';

/**
 * Reads a folder as an OpenCode application: one with `.opencode/` or `opencode.json(c)`, or with
 * `AGENTS.md` and nothing of Claude Code's.
 */
export function detectApp(app: AppFolder): Detection {
  const reading = readApp(app);
  const own: AgentInfo[] = reading.agents
    .filter(({ leads, name }) => leads && name !== 'default')
    .map(({ name, description, file }) => ({ name, description, file }));
  const sole = own.find(({ name }) => name === reading.soleAgent);
  return {
    present: isPresent(app),
    agents: [
      { name: 'default', description: sole?.description ?? null, file: sole?.file ?? null },
      ...own,
    ],
    skills: reading.skills,
    mcpHosts: reading.mcpHosts,
    model: reading.model,
    problems: reading.problems,
  };
}

function isPresent(app: AppFolder): boolean {
  const has = (test: (path: string) => boolean) => app.paths.some(test);
  if (has((path) => path.startsWith('.opencode/'))) return true;
  if (has((path) => (CONFIG_FILES as readonly string[]).includes(path))) return true;
  const claude = has((path) => path === 'CLAUDE.md' || path.startsWith('.claude/'));
  return has((path) => path === 'AGENTS.md') && !claude;
}
