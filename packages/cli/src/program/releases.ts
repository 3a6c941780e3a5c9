import type { Command } from 'commander';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';
import { accountOptions } from './account-options.ts';

/** Publishing: projects, releases, their values. */
export function addReleaseCommands(program: Command, terminal: Terminal, finish: Finish): void {
  accountOptions(program.command('deploy [folder]'))
    .description('publish a folder (default: this one), print its URL')
    .option('--project <ref>', 'publish as this project (default: by its name)')
    .option('--preview', 'reach it at a URL of its own for seven days; what runs stays')
    .option('--no-activate', 'make the release; what runs stays')
    .option('--git', 'by git push of what is checked out and committed')
    .action(async (folder, options) =>
      finish((await import('../commands/platform/deploy.ts')).deploy(folder, options, terminal)),
    );
  accountOptions(program.command('init [folder]'))
    .description('write a karta.toml, add the remote for "git push karta main"')
    .option('--project <ref>', 'the project (default: by the folder’s name)')
    .action(async (folder, options) =>
      finish((await import('../commands/platform/init.ts')).init(folder, options, terminal)),
    );
  accountOptions(program.command('git-credential <operation>'))
    .description('what git asks who you are, set up by "karta init"')
    .action(async (operation, options) =>
      finish(
        (await import('../commands/git-credential.ts')).gitCredential(operation, options, terminal),
      ),
    );
  addProjects(program, terminal, finish);
  addReleases(program, terminal, finish);
  accountOptions(program.command('rollback'))
    .description('go back to the release that was active before')
    .option('--project <ref>', 'of this project (default: of this folder)')
    .option('--to <version>', 'to this release, such as v3')
    .action(async (options) =>
      finish((await import('../commands/platform/releases.ts')).rollback(options, terminal)),
    );
  addEnv(program, terminal, finish);
}

function addProjects(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/projects.ts');
  const projects = accountOptions(program.command('projects'))
    .description('list the projects of the org')
    .action(async (options) => finish((await module()).listProjects(options, terminal)));
  projects
    .command('default <ref>')
    .description('make it the project of sessions that name none')
    .action(async (ref) =>
      finish((await module()).setDefaultProject(ref, projects.opts(), terminal)),
    );
  projects
    .command('delete <ref>')
    .description('delete a project with its releases and sessions')
    .action(async (ref) => finish((await module()).deleteProject(ref, projects.opts(), terminal)));
}

function addReleases(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/releases.ts');
  const releases = accountOptions(program.command('releases'))
    .description('list the releases of a project')
    .option('--project <ref>', 'of this project (default: of this folder)')
    .action(async (options) => finish((await module()).listReleases(options, terminal)));
  releases
    .command('history')
    .description('show which release was active when')
    .action(async () => finish((await module()).listActivations(releases.opts(), terminal)));
  releases
    .command('activate <version>')
    .description('make a release the one that new sessions get')
    .action(async (version) =>
      finish((await module()).activateRelease(version, releases.opts(), terminal)),
    );
  releases
    .command('revoke <version>')
    .description('refuse a release for good and end its sessions')
    .action(async (version) =>
      finish((await module()).revokeRelease(version, releases.opts(), terminal)),
    );
  releases
    .command('diff <version>')
    .description('show what differs from the release before')
    .option('--against <version>', 'from this release')
    .action(async (version, own) =>
      finish((await module()).diffRelease(version, { ...releases.opts(), ...own }, terminal)),
    );
}

function addEnv(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/env.ts');
  const env = accountOptions(program.command('env'))
    .description('list the values of a project’s [env]')
    .option('--project <ref>', 'of this project (default: of this folder)')
    .action(async (options) => finish((await module()).listEnv(options, terminal)));
  env
    .command('list')
    .description('the same')
    .action(async () => finish((await module()).listEnv(env.opts(), terminal)));
  env
    .command('set <assignment>')
    .description('NAME=value, or NAME with the value typed or piped in')
    .option('--secret', 'encrypted, never shown again')
    .action(async (assignment, own) =>
      finish((await module()).setEnv(assignment, { ...env.opts(), ...own }, terminal)),
    );
  env
    .command('unset <name>')
    .description('remove a value')
    .action(async (name) => finish((await module()).unsetEnv(name, env.opts(), terminal)));
}
