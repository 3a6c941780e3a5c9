import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { operatorLinkPath, writeFileAtomically } from '@karta/service/home';

/** The file with the first operator's one-time link. */
export interface OperatorLinkFile {
  /** Writes the link, or takes the file away when there is none. Call it as the home's owner. */
  write(link: string | null): Promise<void>;
  /** The link was used: the file goes, or is empty where this process may not remove it any more. */
  used(): Promise<void>;
  close(): void;
}

export function operatorLinkFile(home: string): OperatorLinkFile {
  const path = operatorLinkPath(home);
  /** Held for when the home is out of reach. */
  let descriptor: number | null = null;

  function close(): void {
    if (descriptor !== null) closeSync(descriptor);
    descriptor = null;
  }

  return {
    async write(link) {
      close();
      if (link === null) return rm(path, { force: true });
      await writeFileAtomically(path, `${link}\n`);
      descriptor = openSync(path, 'r+');
    },
    async used() {
      if (descriptor !== null) ftruncateSync(descriptor);
      close();
      await rm(path, { force: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'EACCES' && error.code !== 'EPERM') throw error;
      });
    },
    close,
  };
}
