import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { program } from './programs.ts';

const run = promisify(execFile);

/**
 * Empties a folder that sandboxed code has written, by a process that sees nothing else of the
 * machine and has no right beyond the owner of the files. As root, the user is root inside a
 * namespace that knows only the file system's own ids, as the folders have several owners.
 */
export async function emptyTree(tree: string): Promise<void> {
  const script = 'chmod -R u+rwX /tree 2>/dev/null; find /tree -mindepth 1 -delete';
  const folder = await mkdtemp(join('/tmp', 'karta-empty-'));
  try {
    await run(
      program('bwrap'),
      [
        ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--new-session'],
        ...['--die-with-parent', '--ro-bind', '/usr', '/usr', '--symlink', 'usr/bin', '/bin'],
        ...['--symlink', 'usr/lib', '/lib', '--symlink', 'usr/lib64', '/lib64'],
        ...['--bind', tree, '/tree', '--chdir', '/', '--', '/bin/sh', '-c', script],
      ],
      { env: {}, cwd: folder, maxBuffer: 1024 * 1024 },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
