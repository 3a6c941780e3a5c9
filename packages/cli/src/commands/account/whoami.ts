import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Terminal } from '../../output/terminal.ts';

/** `karta whoami`: whom commands act as, where, and in which org. */
export async function whoami(options: AccountOptions, terminal: Terminal): Promise<number> {
  const account = await openAccount(options);
  if (account.isKey) {
    const org = await account.karta.orgs.get();
    if (options.json === true) terminal.json({ control_url: account.controlUrl, key: true, org });
    else terminal.out(`an API key of the org ${org.slug}, at ${account.controlUrl}\n`);
    return EXIT.ok.code;
  }
  const person = await account.karta.orgs.me();
  const org = account.org ?? (person.orgs.length === 1 ? person.orgs[0]?.slug : null) ?? null;
  if (options.json === true) terminal.json({ control_url: account.controlUrl, org, person });
  else {
    const where = org === null ? 'in no org yet' : `in the org ${org}`;
    terminal.out(`${person.email} ${where}, at ${account.controlUrl}\n`);
  }
  return EXIT.ok.code;
}
