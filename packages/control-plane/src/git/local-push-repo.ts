import { PassThrough } from 'node:stream';
import { type GitRepo, openGitRepo } from './git-repo.ts';
import { askBackend } from './http-backend.ts';
import type { PushRepo } from './push-repo.ts';

/** A repository whose git this process starts itself. Throws as {@link openGitRepo} does. */
export async function openLocalPushRepo(): Promise<PushRepo> {
  return localPushRepo(await openGitRepo());
}

/** A push into `repo`, which goes with it. */
export function localPushRepo(repo: GitRepo): PushRepo {
  return {
    ask: (request, path) => askBackend(repo, request, path),
    async refs() {
      const out = await repo.run(['-C', 'push.git', 'for-each-ref', '--format=%(refname)']);
      return out.split('\n').filter((line) => line !== '');
    },
    archive(ref) {
      const git = repo.spawn(['archive', '--format=tar', ref]);
      git.stdin.on('error', () => {}).end();
      git.stderr.resume();
      const content = new PassThrough();
      // Read from the first moment: Node throws away what a process has said that ended unread.
      git.stdout.pipe(content, { end: false });
      git.once('error', (error) => content.destroy(error));
      git.once('close', (code) => {
        if (code === 0) content.end();
        else content.destroy(new Error('git could not archive what was pushed'));
      });
      content.once('close', () => git.kill('SIGKILL'));
      return content;
    },
    remove: () => repo.remove(),
  };
}
