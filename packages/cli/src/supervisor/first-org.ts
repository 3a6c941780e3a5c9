import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const earlierHome = z.object({ org: z.object({ id: z.string() }) });

/**
 * The org that the control plane makes for a home at its first start: of a home from before there
 * was a control plane (`local-control.json`) it keeps its id, since sessions belong to it.
 */
export async function firstOrgOf(home: string): Promise<{ id?: string }> {
  const path = join(home, 'local-control.json');
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    throw error;
  }
  return { id: earlierHome.parse(JSON.parse(text)).org.id };
}
