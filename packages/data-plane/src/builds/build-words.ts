import type { AppProblem } from '@karta/harness';
import type { Entry } from '../releases/entry.ts';
import { problemText } from '../releases/problem.ts';
import type { Examined } from './build-wire.ts';

/** Names that one line of the log lists; of more it says how many. */
const LISTED = 20;

/** What an application consists of: `14 files, 31.2 KB`. */
export function sizeOfTree(entries: readonly Entry[]): string {
  const files = entries.filter((entry) => entry.kind === 'file');
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  return `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${sizeText(bytes)}`;
}

/** Bytes for people, in units of 1000. */
export function sizeText(bytes: number): string {
  if (bytes < 1_000) return `${bytes} bytes`;
  if (bytes < 1_000_000) return `${(bytes / 1_000).toFixed(1)} KB`;
  return `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** What was found in an application, a line each; its warnings last. */
export function findings(
  facts: Pick<Examined, 'harness' | 'agents' | 'skills' | 'config' | 'warnings'>,
): string[] {
  const { harness, agents, skills, config, warnings } = facts;
  const hosts = config.network_allow.map(({ host, port }) => `${host}:${port}`);
  const secrets = config.secrets.map(({ name }) => name);
  return [
    `harness: ${harness.id} ${harness.version}`,
    ...listed('agents', agents),
    ...listed('skills', skills),
    ...listed('may reach', hosts),
    ...listed('secrets', secrets),
    ...warnings.filter(({ severity }) => severity === 'warning').map(warningText),
  ];
}

function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : '';
  return [`${what}: ${names.slice(0, LISTED).join(', ')}${more}`];
}

function warningText(problem: AppProblem): string {
  return `warning: ${problemText(problem)}`;
}
