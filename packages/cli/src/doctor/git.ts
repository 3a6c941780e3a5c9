import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type Finding, finding } from './finding.ts';

/** Whether `git push` can publish: the server needs git with its `http-backend`, and `prlimit`. */
export async function gitFinding(path = process.env.PATH ?? ''): Promise<Finding> {
  const run = promisify(execFile);
  const env = { PATH: path };
  try {
    const { stdout } = await run('git', ['--version'], { env });
    // It says so when it is asked outside of a web server; without it git knows no such command.
    await run('git', ['http-backend'], { env }).catch((error: { stderr?: string }) => {
      if (/not a git command/.test(error.stderr ?? '')) throw error;
    });
    await run('prlimit', ['--version'], { env });
    return finding('machine', 'git', 'good', [`${stdout.trim()}; git push can publish`]);
  } catch {
    return finding(
      'machine',
      'git',
      'weak',
      ['git or prlimit is not there: git push cannot publish'],
      ['apt-get install git util-linux; karta deploy works without'],
    );
  }
}
