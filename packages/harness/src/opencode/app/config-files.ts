import { type JsonDocument, readJson } from '../../app/index.ts';
import type { AppFolder, AppProblem } from '../../port.ts';
import { configProblems } from './config-problems.ts';

/** Configuration files of a folder in the order in which OpenCode merges them: the last one wins. */
export const CONFIG_FILES = [
  'opencode.json',
  'opencode.jsonc',
  '.opencode/opencode.json',
  '.opencode/opencode.jsonc',
] as const;

export interface ConfigFile {
  file: string;
  document: JsonDocument;
}

/** Reads the configuration files that exist. Comments are allowed in all of them, as OpenCode does. */
export function readConfigFiles(app: AppFolder): { files: ConfigFile[]; problems: AppProblem[] } {
  const files: ConfigFile[] = [];
  const problems: AppProblem[] = [];
  for (const file of CONFIG_FILES) {
    const text = app.text(file);
    if (text === null) continue;
    const result = readJson(text, file, { comments: true });
    if (!result.ok) problems.push(result.problem);
    else if (isObject(result.document.value)) {
      const { document } = result;
      const lineOf = (path: readonly (string | number)[]) => document.position(path).line;
      files.push({ file, document });
      problems.push(...configProblems('config', document.value, { file, lineOf }));
    } else problems.push({ severity: 'error', file, line: 1, message: 'expected a JSON object' });
  }
  return { files, problems };
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
