/** Where Claude Code's things are in a sandbox. */
export const INSIDE = {
  binary: '/opt/karta/claude',
  workspace: '/workspace',
  home: '/home/agent',
  /** Claude Code's own store: conversations, its global state. */
  config: '/home/agent/.claude',
  managedSettings: '/etc/claude-code/managed-settings.json',
} as const;

/**
 * The folder of the conversations below the store, named after the working directory with every
 * other character than letters and digits made a dash. Where a driver cannot move files to
 * `/workspace`, the start makes a link of this name, so that readers need not know.
 */
export const TRANSCRIPTS = '.claude/projects/-workspace';

/** The folder's name that Claude Code derives from a working directory. */
export function transcriptFolderOf(workspace: string): string {
  return workspace.replace(/[^a-zA-Z0-9]/g, '-');
}
