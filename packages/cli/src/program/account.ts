import type { Command } from 'commander';
import { homeOption, jsonOption } from '../options.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Finish } from '../program.ts';
import { accountOptions } from './account-options.ts';

/** Signing in, orgs and the people in them. */
export function addAccountCommands(program: Command, terminal: Terminal, finish: Finish): void {
  program
    .command('login')
    .description('sign in to a control plane by its page, with a password or with an API key')
    .option('--url <address>', 'the control plane (default: of this home, or localhost:8001)')
    .option('--email <address>', 'who you are: the password is asked here, not in a browser')
    .option('--key', 'with an API key, typed or piped in')
    .option('--org <slug>', 'the org to work in')
    .option('--sign-up', 'make the account first')
    .option('--name <name>', 'your name, for a new account')
    .option('--invitation <link>', 'of the org that invited you, for a new account')
    .addOption(homeOption())
    .addOption(jsonOption('one JSON document'))
    .action(async (options) =>
      finish((await import('../commands/account/login.ts')).login(options, terminal)),
    );
  program
    .command('logout')
    .description('end the login')
    .addOption(homeOption())
    .addOption(jsonOption('one JSON document'))
    .action(async (options) =>
      finish((await import('../commands/account/login.ts')).logout(options, terminal)),
    );
  accountOptions(program.command('whoami'))
    .description('show whom commands act as, where, and in which org')
    .action(async (options) =>
      finish((await import('../commands/account/whoami.ts')).whoami(options, terminal)),
    );
  addOrgs(program, terminal, finish);
  addMembers(program, terminal, finish);
}

function addOrgs(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/orgs.ts');
  const orgs = accountOptions(program.command('orgs'))
    .description('list your orgs')
    .action(async (options) => finish((await module()).listOrgs(options, terminal)));
  orgs
    .command('create <slug>')
    .description('make an org, and work in it')
    .option('--name <name>', 'for people (default: the slug)')
    .action(async (slug, own) =>
      finish((await module()).createOrg(slug, { ...orgs.opts(), ...own }, terminal)),
    );
  orgs
    .command('use <slug>')
    .description('work in this org from now on')
    .action(async (slug) => finish((await module()).useOrg(slug, orgs.opts(), terminal)));
}

function addMembers(program: Command, terminal: Terminal, finish: Finish): void {
  const module = () => import('../commands/platform/members.ts');
  const members = accountOptions(program.command('members'))
    .description('list who is in the org')
    .action(async (options) => finish((await module()).listMembers(options, terminal)));
  members
    .command('invite <email>')
    .description('invite somebody; prints the link')
    .option('--role <role>', 'owner, admin, developer, billing or viewer (default developer)')
    .action(async (email, own) =>
      finish((await module()).inviteMember(email, { ...members.opts(), ...own }, terminal)),
    );
  members
    .command('accept <link>')
    .description('join the org that invited you')
    .action(async (link) =>
      finish((await module()).acceptInvitation(link, members.opts(), terminal)),
    );
  members
    .command('role <person> <role>')
    .description('change the role of a member, named by e-mail or id')
    .action(async (person, role) =>
      finish((await module()).setRole(person, role, members.opts(), terminal)),
    );
  members
    .command('remove <person>')
    .description('remove a member, named by e-mail or id')
    .action(async (person) =>
      finish((await module()).removeMember(person, members.opts(), terminal)),
    );
}
