import type { ProtectedPath } from '@karta/sandbox';
import type { AppFolder } from '../../port.ts';

/** Folders below `.opencode` that OpenCode reads, in both of its spellings. */
const READ_FOLDERS = ['agent', 'mode', 'command', 'skill', 'plugin', 'tool'].flatMap((name) => [
  `.opencode/${name}`,
  `.opencode/${name}s`,
]);

/**
 * What of an application stays as the release has it. `.opencode` itself stays writable: OpenCode
 * puts a `.gitignore` into it and does not start where it meets a read-only file system. All that
 * it reads in there is protected by name instead.
 */
export function protectedPaths(app: AppFolder): ProtectedPath[] {
  const own = new Set<string>();
  for (const path of app.paths) {
    const [first, second] = path.split('/');
    if (first === '.opencode' && second !== undefined) own.add(`.opencode/${second}`);
  }
  const directories = [...READ_FOLDERS, '.claude', '.agents'];
  const files = [
    ...['opencode.json', 'opencode.jsonc', '.opencode/opencode.json', '.opencode/opencode.jsonc'],
    ...['.opencode/package.json', 'AGENTS.md', 'CLAUDE.md', 'CONTEXT.md', '.mcp.json'],
  ];
  const remaining = [...own].filter((path) => !directories.includes(path) && !files.includes(path));
  return [
    ...directories.map((path) => ({ path, whenAbsent: 'directory' as const })),
    ...[...files, ...remaining].map((path) => ({ path, whenAbsent: 'remove' as const })),
  ];
}
