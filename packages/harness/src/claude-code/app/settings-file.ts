import { type JsonDocument, readJson } from '../../app/index.ts';
import type { AppFolder, AppProblem } from '../../port.ts';

export const SETTINGS_FILE = '.claude/settings.json';

/** Variables by which a folder chooses models; all else of `env` about providers is ignored. */
export const MODEL_VARIABLES = [
  'ANTHROPIC_MODEL',
  'ANTHROPIC_DEFAULT_HAIKU_MODEL',
  'ANTHROPIC_DEFAULT_SONNET_MODEL',
  'ANTHROPIC_DEFAULT_OPUS_MODEL',
  'ANTHROPIC_SMALL_FAST_MODEL',
] as const;

/** Keys that Karta overrides, with what to say about each. */
const OVERRIDDEN: Readonly<Record<string, string>> = {
  apiKeyHelper: 'the platform holds the model key, so this helper is not used',
  awsAuthRefresh: 'the platform chooses the provider, so this helper is not used',
  awsCredentialExport: 'the platform chooses the provider, so this helper is not used',
  gcpAuthRefresh: 'the platform chooses the provider, so this helper is not used',
  sandbox: 'Karta runs every session in a sandbox of its own, so this one is switched off',
  cleanupPeriodDays: 'conversations are kept as long as their session, so this has no effect',
};
const OVERRIDDEN_VARIABLE =
  /^(ANTHROPIC_(BASE_URL|API_KEY|AUTH_TOKEN|UNIX_SOCKET|.*_BASE_URL)|CLAUDE_CODE_USE_\w+|CLAUDE_CONFIG_DIR|(HTTPS?|ALL)_PROXY)$/i;

export interface ClaudeSettings {
  /** The model of the main agent, with its line. */
  model: { name: string; line: number } | null;
  /** The agent that runs the main conversation, when the folder names one. */
  agent: string | null;
  /** The folder's own model variables. */
  modelVariables: Readonly<Record<string, string>>;
  problems: readonly AppProblem[];
}

const NONE: ClaudeSettings = { model: null, agent: null, modelVariables: {}, problems: [] };

/** What `.claude/settings.json` says that concerns the platform. Broken JSON is an error. */
export function readSettings(app: AppFolder): ClaudeSettings {
  const text = app.text(SETTINGS_FILE);
  if (text === null) return NONE;
  const result = readJson(text, SETTINGS_FILE);
  if (!result.ok) return { ...NONE, problems: [result.problem] };
  const { document } = result;
  if (!isRecord(document.value)) {
    const message = 'expected an object';
    return { ...NONE, problems: [{ severity: 'error', file: SETTINGS_FILE, line: 1, message }] };
  }
  const env = document.get(['env']);
  const modelVariables: Record<string, string> = {};
  for (const name of MODEL_VARIABLES) {
    const value = isRecord(env) ? env[name] : undefined;
    if (typeof value === 'string' && value !== '') modelVariables[name] = value;
  }
  const agent = document.get(['agent']);
  return {
    model: modelOf(document, modelVariables),
    agent: typeof agent === 'string' && agent !== '' ? agent : null,
    modelVariables,
    problems: [...overridden(document), ...wrongTypes(document)],
  };
}

function modelOf(
  document: JsonDocument,
  variables: Readonly<Record<string, string>>,
): { name: string; line: number } | null {
  const { ANTHROPIC_MODEL: variable } = variables;
  if (variable !== undefined) {
    return { name: variable, line: document.position(['env', 'ANTHROPIC_MODEL']).line };
  }
  const name = document.get(['model']);
  if (typeof name !== 'string' || name === '') return null;
  return { name, line: document.position(['model']).line };
}

function overridden(document: JsonDocument): AppProblem[] {
  const problems: AppProblem[] = [];
  const warn = (path: string[], message: string) => {
    const { line } = document.position(path);
    problems.push({ severity: 'warning', file: SETTINGS_FILE, line, message });
  };
  for (const [key, message] of Object.entries(OVERRIDDEN)) {
    if (document.get([key]) !== undefined) warn([key], `${key}: ${message}`);
  }
  const env = document.get(['env']);
  for (const name of isRecord(env) ? Object.keys(env) : []) {
    if (!OVERRIDDEN_VARIABLE.test(name)) continue;
    warn(['env', name], `env.${name}: the platform chooses the endpoint, so this has no effect`);
  }
  return problems;
}

/** Values of the wrong type make Claude Code drop the whole file, silently. */
function wrongTypes(document: JsonDocument): AppProblem[] {
  const expected: [string, (value: unknown) => boolean, string][] = [
    ['env', isRecord, 'an object'],
    ['permissions', isRecord, 'an object'],
    ['hooks', isRecord, 'an object'],
    ['model', (value) => typeof value === 'string', 'a string'],
    ['agent', (value) => typeof value === 'string', 'a string'],
  ];
  return expected.flatMap(([key, fits, what]) => {
    const value = document.get([key]);
    if (value === undefined || fits(value)) return [];
    const { line } = document.position([key]);
    return [{ severity: 'error', file: SETTINGS_FILE, line, message: `${key}: expected ${what}` }];
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
