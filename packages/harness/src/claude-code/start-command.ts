import { transcriptFolderOf } from './inside.ts';

/** Exit code of a start that finds no conversation to take up. */
export const NO_CONVERSATION = 66;

/**
 * Readies Claude Code's own store and becomes the binary. Runs inside, with the sandbox's rights,
 * since the store is writable there: what an earlier turn left in it is not believed. Only the
 * conversations are kept.
 *
 * Arguments: the store, the name of the conversations' folder, the global state, the id of the
 * conversation to take up or nothing, the binary, then the binary's own.
 */
const SCRIPT = `
set -eu
store=$1 name=$2 state=$3 id=$4 binary=$5
shift 5
mkdir -p "$store/projects/-workspace"
cd "$store"
rm -rf .claude.json .config.json settings.json settings.local.json CLAUDE.md CLAUDE.local.md \
  agents skills commands hooks plugins rules output-styles workflows keybindings.json remote-settings.json
printf %s "$state" > .claude.json
if [ "$name" != -workspace ] && [ ! -e "projects/$name" ]; then ln -s -- -workspace "projects/$name"; fi
if [ -n "$id" ] && [ ! -s "projects/-workspace/$id.jsonl" ]; then exit ${NO_CONVERSATION}; fi
cd "$OLDPWD"
exec "$binary" "$@"
`;

export interface StartParts {
  /** Real places of the store, the workspace and the binary for processes inside. */
  config: string;
  workspace: string;
  binary: string;
  resumeId: string | null;
  args: readonly string[];
}

/** The command line that starts Claude Code in a sandbox. */
export function startCommand(parts: StartParts): [string, ...string[]] {
  const state = JSON.stringify({
    hasCompletedOnboarding: true,
    // Without trust the folder's `permissions.allow` would not count; the builder wrote it.
    projects: { [parts.workspace]: { hasTrustDialogAccepted: true } },
  });
  return [
    '/bin/sh',
    '-c',
    SCRIPT,
    'claude',
    parts.config,
    transcriptFolderOf(parts.workspace),
    state,
    parts.resumeId ?? '',
    parts.binary,
    ...parts.args,
  ];
}
