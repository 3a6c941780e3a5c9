import { mcpHostOf, readFrontMatter } from '../../app/index.ts';
import type { AppFolder, AppProblem, McpHost } from '../../port.ts';
import { type ConfigFile, isObject, readConfigFiles } from './config-files.ts';
import { configProblems } from './config-problems.ts';
import { familyOf } from './model-choice.ts';
import { type AppAgent, type Placed, readAgents } from './read-agents.ts';

/** What a folder says about itself in OpenCode's format. */
export interface AppReading {
  agents: AppAgent[];
  /** The one agent of the folder that leads, unless the folder names its default itself. */
  soleAgent: string | null;
  skills: string[];
  mcpHosts: McpHost[];
  model: Placed | null;
  smallModel: Placed | null;
  problems: AppProblem[];
}

const COMMAND_FILE = /^\.opencode\/commands?\/.+\.md$/;
const SKILL_FILE = /^\.(?:opencode\/skills?|claude\/skills|agents\/skills)\/(.+)\/SKILL\.md$/;

export function readApp(app: AppFolder): AppReading {
  const configs = readConfigFiles(app);
  const { agents, problems: agentProblems } = readAgents(app, configs.files);
  const model = lastText(configs.files, 'model');
  const smallModel = lastText(configs.files, 'small_model');
  const leading = agents.filter(({ leads }) => leads);
  const named = lastText(configs.files, 'default_agent') !== null;
  const skills = readSkills(app);
  const mcp = readMcpHosts(configs.files);
  const models = [model, smallModel, ...agents.map((agent) => agent.model)];
  return {
    agents,
    soleAgent: !named && leading.length === 1 ? (leading[0]?.name ?? null) : null,
    skills: skills.names,
    mcpHosts: mcp.hosts,
    model,
    smallModel,
    problems: [
      ...configs.problems,
      ...agentProblems,
      ...skills.problems,
      ...app.paths.filter((path) => COMMAND_FILE.test(path)).flatMap(commandProblems(app)),
      ...mcp.problems,
      ...models.flatMap((placed) => (placed === null ? [] : modelProblems(placed))),
      ...configs.files.flatMap(overruled),
      ...configs.files.flatMap(unreachablePlugins),
    ],
  };
}

function lastText(files: readonly ConfigFile[], key: string): Placed | null {
  for (const { file, document } of [...files].reverse()) {
    const name = document.get([key]);
    if (typeof name === 'string') return { name, file, line: document.position([key]).line };
  }
  return null;
}

function modelProblems({ name, file, line }: Placed): AppProblem[] {
  if (familyOf(name) !== null) return [];
  const message = `the model "${name}" has no upstream: name one as anthropic/…, openai/… or with another provider, as openrouter/…`;
  return [{ severity: 'error', file, line, message }];
}

function readSkills(app: AppFolder): { names: string[]; problems: AppProblem[] } {
  const names = new Set<string>();
  const problems: AppProblem[] = [];
  for (const file of app.paths) {
    const folder = SKILL_FILE.exec(file)?.[1];
    const text = folder === undefined ? null : app.text(file);
    if (folder === undefined || text === null) continue;
    const matter = readFrontMatter(text, file);
    problems.push(...matter.problems);
    const name = matter.data?.name;
    names.add(typeof name === 'string' ? name : (folder.split('/').at(-1) ?? folder));
  }
  return { names: [...names], problems };
}

function commandProblems(app: AppFolder): (file: string) => AppProblem[] {
  return (file) => {
    const text = app.text(file);
    if (text === null) return [];
    const { data, body, lineOf, problems } = readFrontMatter(text, file);
    const place = {
      file,
      lineOf: ([key]: readonly (string | number)[]) => lineOf(String(key)),
    };
    return [...problems, ...configProblems('command', { ...data, template: body }, place)];
  };
}

function readMcpHosts(files: readonly ConfigFile[]): { hosts: McpHost[]; problems: AppProblem[] } {
  const hosts: McpHost[] = [];
  const problems: AppProblem[] = [];
  for (const { file, document } of files) {
    const servers = document.get(['mcp']);
    for (const [name, server] of isObject(servers) ? Object.entries(servers) : []) {
      if (!isObject(server) || server.type !== 'remote' || server.enabled === false) continue;
      const place = typeof server.url === 'string' ? mcpHostOf(server.url) : null;
      const { line } = document.position(['mcp', name, 'url']);
      if (place !== null) hosts.push({ ...place, file, line });
      else {
        const message = `the MCP server "${name}" has no valid url`;
        problems.push({ severity: 'error', file, line, message });
      }
    }
  }
  return { hosts, problems };
}

/** Settings that the platform's own always win over. */
function overruled({ file, document }: ConfigFile): AppProblem[] {
  const problems: AppProblem[] = [];
  const warn = (path: readonly string[], message: string) => {
    if (document.get(path) === undefined) return;
    problems.push({ severity: 'warning', file, line: document.position(path).line, message });
  };
  for (const provider of ['anthropic', 'openai']) {
    const path = ['provider', provider, 'options'];
    warn([...path, 'baseURL'], 'is ignored: calls go to the platform, which adds the key');
    warn([...path, 'apiKey'], 'is ignored: keys stay outside the sandbox');
  }
  warn(['enabled_providers'], 'is ignored: the platform offers anthropic and openai');
  warn(['share'], 'is ignored: sessions are not shared from a sandbox');
  return problems;
}

function unreachablePlugins({ file, document }: ConfigFile): AppProblem[] {
  const plugins = document.get(['plugin']);
  if (!Array.isArray(plugins)) return [];
  return plugins.flatMap((plugin: unknown, index): AppProblem[] => {
    const name: unknown = Array.isArray(plugin) ? plugin[0] : plugin;
    if (typeof name !== 'string' || /^(file:|\.|\/)/.test(name)) return [];
    const { line } = document.position(['plugin', index]);
    const message = `the plugin "${name}" is fetched at the start, which a sandbox cannot: put it into .opencode/plugin/`;
    return [{ severity: 'warning', file, line, message }];
  });
}
