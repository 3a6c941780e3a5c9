import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Where the starts of a node's doors are counted. */
export interface EpochCount {
  /** A number above all that it gave before, and `least` at the least. Throws what the disk says. */
  next(least: number): Promise<number>;
}

const FILE_MODE = 0o600;

/**
 * Counts in a file: a number is on the disk before anybody hears of it, so no two starts have the
 * same. A file that is lost or unreadable begins anew; whoever knows of later starts says so.
 */
export function epochFile(path: string): EpochCount {
  return {
    async next(least) {
      const epoch = Math.max((await numberIn(path)) + 1, least);
      const written = `${path}.new`;
      const file = await open(written, 'w', FILE_MODE);
      try {
        await file.writeFile(`${epoch}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(written, path);
      const folder = await open(dirname(path), 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
      return epoch;
    },
  };
}

async function numberIn(path: string): Promise<number> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const number = Number(text.trim());
  return Number.isSafeInteger(number) && number > 0 ? number : 0;
}
