import { access, constants, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CliError } from '../cli-error.ts';

const WHY: Readonly<Record<string, string>> = {
  EEXIST: 'a file has that name',
  ENOTDIR: 'a part of it is a file',
  ENOENT: 'no folder can be made there',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it would be on a read-only file system',
  ENOSPC: 'the disk is full',
  ENAMETOOLONG: 'its name is too long',
};

/** Makes the folder of a home, for its owner alone. Throws `CliError` where it cannot be. */
export async function makeHome(home: string): Promise<void> {
  try {
    await makeFolders(home);
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

/** A folder and those above it. Node's own `recursive` never ends below `/proc`, which takes none. */
async function makeFolders(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (!missing || dirname(folder) === folder) throw error;
    await makeFolders(dirname(folder));
    await makeFolder(folder);
  }
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    const there = (error as NodeJS.ErrnoException).code === 'EEXIST';
    if (!there || !(await stat(folder)).isDirectory()) throw error;
  }
}
