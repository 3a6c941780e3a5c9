import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { readLogin, writeLogin } from '../../client/login-file.ts';
import { EXIT } from '../../exit-codes.ts';
import { showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';
import { homeFolder } from '../../supervisor/settings.ts';

/** `karta orgs`: the orgs of whoever is signed in. */
export async function listOrgs(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.orgs.list(),
    {
      columns: [
        ['slug', (org) => org.slug],
        ['name', (org) => org.name],
        ['role', (org) => org.role],
        ['state', (org) => (org.suspended_at === null ? 'active' : 'suspended')],
      ],
      empty: 'No orgs. Make one: karta orgs create <slug>',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta orgs create <slug>`: makes an org and works in it from now on. */
export async function createOrg(
  slug: string,
  options: AccountOptions & { name?: string },
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const org = await karta.orgs.create({ slug, name: options.name ?? slug });
  await workIn(options, org.slug);
  if (options.json === true) terminal.json(org);
  else terminal.out(`Made the org ${org.slug}; commands work in it now\n`);
  return EXIT.ok.code;
}

/** `karta orgs use <slug>`: which org later commands work in. */
export async function useOrg(
  slug: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const { orgs } = await karta.orgs.me();
  const found = orgs.find((org) => org.slug === slug || org.id === slug);
  if (found === undefined) {
    const yours = orgs.map((org) => org.slug).join(', ') || 'none yet';
    throw new CliError('refused', `You are in no org "${slug}"`, `Yours: ${yours}`);
  }
  await workIn(options, found.slug);
  if (options.json === true) terminal.json({ org: found.slug });
  else terminal.out(`Commands work in the org ${found.slug} now\n`);
  return EXIT.ok.code;
}

async function workIn(options: AccountOptions, org: string): Promise<void> {
  const home = homeFolder(options.home);
  const login = await readLogin(home);
  if (login !== null) await writeLogin(home, { ...login, org });
}
