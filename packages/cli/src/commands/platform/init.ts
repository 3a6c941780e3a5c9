import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { projectOfFolder } from '../../client/project-name.ts';
import { EXIT } from '../../exit-codes.ts';
import { REMOTE, remoteUrl, setUpRemote } from '../../git/git-remote.ts';
import type { Terminal } from '../../output/terminal.ts';

/**
 * `karta init [folder]`: writes a karta.toml where there is none, and adds the remote that
 * `git push karta main` publishes to, with no key typed.
 */
export async function init(
  folder: string | undefined,
  options: AccountOptions & { project?: string },
  terminal: Terminal,
): Promise<number> {
  const root = resolve(folder ?? '.');
  if (!existsSync(root)) {
    throw new CliError('usage', `${root} does not exist`, 'Name a folder that does.');
  }
  const project = options.project ?? projectOfFolder(root);
  const written = await writeToml(root, project);
  const { controlUrl } = await openAccount(options);
  const target = { controlUrl, project, home: options.home ?? null };
  const remote = await setUpRemote(root, target);
  const url = remoteUrl(target);
  if (options.json === true) {
    terminal.json({ project, karta_toml: written ? 'written' : 'kept', remote, remote_url: url });
    return EXIT.ok.code;
  }
  terminal.out(`${written ? 'Wrote' : 'Kept'} karta.toml of the project ${project}\n`);
  if (remote === 'no_repository') {
    terminal.note('This is no git repository; after "git init" run this again, or: karta deploy');
  } else {
    terminal.out(`Publish with: git push ${REMOTE} main\n`);
    terminal.note(
      'git asks "karta git-credential" who you are; elsewhere an API key is the password',
    );
  }
  return EXIT.ok.code;
}

async function writeToml(root: string, project: string): Promise<boolean> {
  try {
    const text = `# What Karta needs to know of this application: docs/concepts.md\nname = "${project}"\n`;
    await writeFile(join(root, 'karta.toml'), text, { flag: 'wx' });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
