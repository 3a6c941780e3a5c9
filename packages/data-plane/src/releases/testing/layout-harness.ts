import type { AppFolder, Harness, HarnessId, Installation } from '@karta/harness';
import type { WireFamily } from '@karta/protocol';

/**
 * A harness that knows its layout and whether it is installed, and cannot run: the two facts that a
 * machine has only one of at a time, and by which a publish decides.
 */
export function layoutHarness(
  id: HarnessId,
  marks: readonly string[],
  installation: Installation,
  families: readonly WireFamily[] = ['anthropic'],
): Harness {
  const cannotRun = () => {
    throw new Error(`${id} knows its layout only`);
  };
  return {
    id,
    name: id === 'opencode' ? 'OpenCode' : 'Claude Code',
    capabilities: {
      families,
      thinking: true,
      agentPerTurn: true,
      questions: true,
      images: true,
    },
    installed: async () => installation,
    detect: (app) => ({
      present: app.paths.some((path) => marks.some((mark) => path.startsWith(mark))),
      agents: [{ name: 'default', description: null, file: null }],
      skills: [],
      mcpHosts: [],
      model: null,
      problems: [],
    }),
    provision: cannotRun,
    open: cannotRun,
    history: cannotRun,
  };
}

/** An application folder from memory. */
export function appOf(files: Readonly<Record<string, string>>): AppFolder {
  return { paths: Object.keys(files).sort(), text: (path) => files[path] ?? null };
}

export const INSTALLED: Installation = { installed: true, version: '1.2.3', binary: '/bin/true' };
export const ABSENT: Installation = { installed: false, message: 'Install it: npm i it' };
