import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { systemFolders } from './bwrap-arguments.ts';
import { program } from './programs.ts';

const run = promisify(execFile);
/** Complaints about odd files, bounded. */
const MAX_OUTPUT = 1024 * 1024;

/** What it takes to delete any owner's files, and nothing more; without root it has no effect. */
const RIGHTS = ['--cap-drop', 'ALL', '--cap-add', 'CAP_DAC_OVERRIDE', '--cap-add', 'CAP_FOWNER'];
const SCRIPT = 'chmod -R u+rwX /tree 2>/dev/null; exec find /tree -mindepth 1 -delete';

/**
 * Empties a folder that sandboxed code has written, by a process that sees nothing else of the
 * machine: a planted link leads nowhere.
 */
export async function emptyTree(tree: string): Promise<void> {
  await run(
    program('bwrap'),
    [
      ...['--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts', '--new-session'],
      ...['--die-with-parent', '--ro-bind', '/usr', '/usr', ...systemFolders()],
      ...['--dev', '/dev', '--bind', tree, '/tree', '--chdir', '/'],
      ...(process.getuid?.() === 0 ? RIGHTS : []),
      ...['--', '/bin/sh', '-c', SCRIPT],
    ],
    { env: { PATH: '/usr/bin:/bin' }, cwd: '/', maxBuffer: MAX_OUTPUT },
  );
}
