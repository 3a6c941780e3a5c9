import { access, constants, mkdir } from 'node:fs/promises';
import { CliError } from '../cli-error.ts';

const WHY: Readonly<Record<string, string>> = {
  EEXIST: 'a file has that name',
  ENOTDIR: 'a part of it is a file',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it would be on a read-only file system',
  ENOSPC: 'the disk is full',
  ENAMETOOLONG: 'its name is too long',
};

/** Makes the folder of a home, for its owner alone. Throws `CliError` where it cannot be. */
export async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    await access(home, constants.W_OK | constants.X_OK);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    throw new CliError(
      'machine',
      `${home} cannot be a home: ${WHY[code] ?? (code || String(error))}`,
      'Choose a folder of your own: --home <folder>, or KARTA_HOME',
      { cause: error },
    );
  }
}
