import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { resolveConfigLinks } from './config-links.ts';
import { digestOf } from './read-tree.ts';
import { walkFolder } from './walk.ts';

/** The examples that come with the platform. */
const EXAMPLES_FOLDER = fileURLToPath(new URL('../../../../examples', import.meta.url));

/**
 * Digests of the bundled examples as a publish would give them: releases whose content is the
 * platform's own, which may run where nothing isolates them. Empty when there are no examples.
 */
export async function bundledDigests(examples = EXAMPLES_FOLDER): Promise<Set<string>> {
  const digests = new Set<string>();
  const names = await readdir(examples, { withFileTypes: true }).catch(() => []);
  for (const name of names) {
    if (!name.isDirectory()) continue;
    const folder = join(examples, name.name);
    const walked = await walkFolder(folder);
    const flat = resolveConfigLinks(walked.entries);
    if (walked.problems.length + flat.problems.length > 0) continue;
    digests.add(await digestOf(folder, flat.entries));
  }
  return digests;
}
