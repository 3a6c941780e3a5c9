import { rm } from 'node:fs/promises';
import { operatorLinkPath, writeFileAtomically } from '@karta/service/home';

/** Writes the link, or takes the file away when there is none. */
export async function writeOperatorLink(home: string, link: string | null): Promise<void> {
  if (link === null) await rm(operatorLinkPath(home), { force: true });
  else await writeFileAtomically(operatorLinkPath(home), `${link}\n`);
}
