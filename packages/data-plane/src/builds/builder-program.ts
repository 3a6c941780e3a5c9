import { join } from 'node:path';
import type { Sandbox } from '@karta/sandbox';

/** The platform's own code, as it lies beside this file. */
const ROOT = join(import.meta.dirname, '../../../..');
const PACKAGES_INSIDE = '/opt/karta/platform/packages';
const LIBRARIES_INSIDE = '/opt/karta/platform/node_modules';

/**
 * What a sandbox must hold for the builder to run in it: the platform's public code, read-only, in
 * the places in which its modules find each other.
 */
export const BUILDER_TOOLS = [
  { source: join(ROOT, 'packages'), target: PACKAGES_INSIDE },
  { source: join(ROOT, 'node_modules'), target: LIBRARIES_INSIDE },
] as const;

/** The command that runs the builder in a sandbox with {@link BUILDER_TOOLS}. */
export function builderCommand(sandbox: Sandbox): [string, ...string[]] {
  const program = join(sandbox.place(PACKAGES_INSIDE), 'data-plane/src/builds/inside/main.ts');
  return [sandbox.place('/opt/karta/node'), '--no-warnings', program];
}
