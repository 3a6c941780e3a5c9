import { fileURLToPath } from 'node:url';
import { HarnessError, type HarnessSetup, type Provision } from '../port.ts';
import { type PlatformOptions, platformConfig } from './app/platform-config.ts';
import { protectedPaths } from './app/protected-paths.ts';
import { findBinary } from './binary.ts';
import { INSIDE, LISTEN } from './server/environment.ts';

/**
 * Memory for one session: the server takes 500 to 600 MB after a turn, each folder that a sub-agent
 * works in some 40 more; the rest is for the tools it runs.
 */
const MEMORY_BYTES = 1536 * 1024 * 1024;

/** Made by `npm run catalogue`. */
const CATALOGUE = fileURLToPath(new URL('./catalogue.json', import.meta.url));

/** OpenCode writes this file into its configuration folder, and does not start when it cannot. */
const GITIGNORE = 'node_modules\npackage.json\npackage-lock.json\nbun.lock\n.gitignore\n';

/** Throws `HarnessError('not_installed')`. */
export function provisionFor(setup: HarnessSetup, options: PlatformOptions): Provision {
  const installation = findBinary();
  if (!installation.installed) throw new HarnessError('not_installed', installation.message);
  const config = JSON.stringify(platformConfig(setup, options));
  return {
    tools: [
      { source: installation.binary, target: INSIDE.binary },
      { source: CATALOGUE, target: INSIDE.catalogue },
    ],
    files: [
      { target: INSIDE.managedFile, content: config },
      { target: `${INSIDE.config}/opencode/.gitignore`, content: GITIGNORE },
    ],
    protectedPaths: protectedPaths(setup.app),
    listens: [LISTEN],
    memoryBytes: MEMORY_BYTES,
  };
}
