import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomically } from '@karta/service/home';

/** Where the first operator's link is: readable by the server's owner alone, never in a log. */
export function operatorLinkPath(home: string): string {
  return join(home, 'operator-link');
}

/** Writes the link, or takes the file away when there is none. */
export async function writeOperatorLink(home: string, link: string | null): Promise<void> {
  if (link === null) await rm(operatorLinkPath(home), { force: true });
  else await writeFileAtomically(operatorLinkPath(home), `${link}\n`);
}
