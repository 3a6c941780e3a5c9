import { HarnessError, type HarnessSetup, type Provision } from '../port.ts';
import { INSIDE } from './inside.ts';
import { installation } from './locate-sdk.ts';
import { platformSettings } from './platform-settings.ts';

/** Memory for one session: the binary takes some 225 MB after twenty turns; the rest is for tools. */
const MEMORY_BYTES = 1024 * 1024 * 1024;

/** Throws `HarnessError`: `not_installed`, or `unsupported` without an upstream of its wire. */
export function provisionFor(setup: HarnessSetup, options: { modelStallMs: number }): Provision {
  const managed = JSON.stringify(platformSettings(options.modelStallMs));
  const found = installation();
  if (!found.installed) throw new HarnessError('not_installed', found.message);
  if (!setup.model.families.includes('anthropic')) {
    throw new HarnessError(
      'unsupported',
      'Claude Code speaks the Anthropic wire only: set ANTHROPIC_API_KEY, or use the demo model',
    );
  }
  return {
    tools: [{ source: found.binary, target: INSIDE.binary }],
    files: [{ target: INSIDE.managedSettings, content: managed }],
    protectedPaths: [
      { path: '.claude', whenAbsent: 'directory' },
      { path: 'CLAUDE.md', whenAbsent: 'remove' },
      { path: 'CLAUDE.local.md', whenAbsent: 'remove' },
      { path: 'AGENTS.md', whenAbsent: 'remove' },
      { path: '.mcp.json', whenAbsent: 'remove' },
    ],
    listens: [],
    memoryBytes: MEMORY_BYTES,
  };
}
