import { join } from 'node:path';
import { readJsonFile } from '@karta/service/home';
import { z } from 'zod';

const earlierFile = z.object({
  org: z.object({ id: z.string() }),
  projects: z.array(z.object({ ref: z.string() })).default([]),
});

/** What a home holds from before there was a control plane. */
export interface EarlierHome {
  /** Its org, whose id stays: the first key and the sessions belong to it. */
  orgId: string;
  /** Refs of its projects, which are not carried over. */
  refs: readonly string[];
}

/**
 * What `local-control.json` says, or `null` in a home that has none. Throws an `Error` that names
 * the file when it is damaged.
 */
export async function readEarlierHome(home: string): Promise<EarlierHome | null> {
  const found = await readJsonFile(join(home, 'local-control.json'), earlierFile);
  if (found === null) return null;
  return { orgId: found.org.id, refs: found.projects.map(({ ref }) => ref) };
}

/** What is said at the start of an earlier home while projects of it are missing; `null`: none is. */
export function notCarriedOver(
  earlier: EarlierHome | null,
  served: readonly string[],
): string | null {
  const missing = (earlier?.refs ?? []).filter((ref) => !served.includes(ref));
  if (missing.length === 0) return null;
  const these = missing.length === 1 ? 'This project' : 'These projects';
  return (
    `${these} of an earlier version of Karta cannot be carried over: ${missing.join(', ')}. ` +
    'Publish the folders again (karta deploy <folder>); sessions of before cannot go on. ' +
    'The org and its key are the same. Remove local-control.json from the home to hear no more of it.'
  );
}
