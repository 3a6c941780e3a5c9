import { mkdir } from 'node:fs/promises';
import { CliError } from '../../cli-error.ts';
import { openAsker } from '../../client/ask.ts';
import {
  DEFAULT_ADMIN_URL,
  type OperatorOptions,
  readOperatorLogin,
  removeOperatorLogin,
  writeOperatorLogin,
} from '../../client/operator-access.ts';
import { signIn, signOut } from '../../client/sign-in.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Terminal } from '../../output/terminal.ts';
import { homeFolder } from '../../supervisor/settings.ts';

export interface OperatorLoginOptions extends OperatorOptions {
  url?: string;
  email?: string;
}

/** `karta operator login`: signs in to the admin plane, with password and second factor. */
export async function operatorLogin(
  options: OperatorLoginOptions,
  terminal: Terminal,
): Promise<number> {
  const home = homeFolder(options.home);
  const adminUrl = (options.url ?? DEFAULT_ADMIN_URL).replace(/\/+$/, '');
  if (!/^https?:$/.test(URL.parse(adminUrl)?.protocol ?? '')) {
    throw new CliError('usage', `"${adminUrl}" is no address`, 'Write it with https://');
  }
  using asker = openAsker(terminal);
  const email = options.email ?? (await asker.ask('E-mail: '));
  const password = await asker.askSecret('Password: ');
  const askCode = () => asker.askSecret('Code of your authenticator, or a backup code: ');
  const token = await signIn(adminUrl, { email, password }, askCode);
  await mkdir(home, { recursive: true, mode: 0o700 });
  await writeOperatorLogin(home, { admin_url: adminUrl, token });
  if (options.json === true) terminal.json({ admin_url: adminUrl, who: email });
  else terminal.out(`Signed in to the admin plane at ${adminUrl} as ${email}\n`);
  return EXIT.ok.code;
}

/** `karta operator logout`: ends the login on the server and forgets it here. */
export async function operatorLogout(
  options: OperatorOptions,
  terminal: Terminal,
): Promise<number> {
  const home = homeFolder(options.home);
  const known = await readOperatorLogin(home);
  if (known === null) {
    throw new CliError('usage', 'Nobody is signed in', 'Sign in with: karta operator login');
  }
  try {
    await signOut(known.admin_url, known.token);
  } finally {
    await removeOperatorLogin(home);
  }
  if (options.json === true) terminal.json({ admin_url: known.admin_url, signed_out: true });
  else terminal.out(`Signed out of ${known.admin_url}\n`);
  return EXIT.ok.code;
}
