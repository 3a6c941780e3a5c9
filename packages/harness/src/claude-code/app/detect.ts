import type { AppFolder, Detection } from '../../port.ts';
import { readMarkdownFiles } from './markdown-files.ts';
import { readMcpFile } from './mcp-file.ts';
import { readSettings, SETTINGS_FILE } from './settings-file.ts';

/** The name by which the platform calls the harness's main agent. */
export const DEFAULT_AGENT = 'default';

/** Reads a folder in Claude Code's format: `.claude/` or `CLAUDE.md`. */
export function detectClaudeCode(app: AppFolder): Detection {
  const present = app.paths.some((path) => path === 'CLAUDE.md' || path.startsWith('.claude/'));
  if (!present) {
    return { present, agents: [MAIN], skills: [], mcpHosts: [], model: null, problems: [] };
  }
  const settings = readSettings(app);
  const markdown = readMarkdownFiles(app);
  const mcp = readMcpFile(app);
  const problems = [...settings.problems, ...markdown.problems, ...mcp.problems];
  const main = markdown.agents.find(({ name }) => name === settings.agent);
  if (settings.agent !== null && main === undefined) {
    const message = `agent: there is no agent "${settings.agent}" in .claude/agents`;
    problems.push({ severity: 'warning', file: SETTINGS_FILE, line: 0, message });
  }
  const others = markdown.agents.map(({ name, description, file }) => ({
    name,
    description,
    file,
  }));
  return {
    present,
    agents: [
      { ...MAIN, description: main?.description ?? null, file: main?.file ?? fileOfMain(app) },
      ...others.filter(({ name }) => name !== DEFAULT_AGENT),
    ],
    skills: markdown.skills,
    mcpHosts: mcp.hosts,
    model: modelOf(settings.model, main ?? null),
    problems,
  };
}

const MAIN = { name: DEFAULT_AGENT, description: null, file: null };

function fileOfMain(app: AppFolder): string | null {
  return app.paths.includes('CLAUDE.md') ? 'CLAUDE.md' : null;
}

/** The main agent's own model wins over the folder's, as in Claude Code. */
function modelOf(
  folder: { name: string; line: number } | null,
  main: { file: string; model: { name: string; line: number } | null } | null,
): Detection['model'] {
  if (main?.model) return { ...main.model, file: main.file };
  return folder && { ...folder, file: SETTINGS_FILE };
}
