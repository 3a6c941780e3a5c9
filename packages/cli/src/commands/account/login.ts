import { Karta, type OwnOrg } from '@karta/sdk';
import { isApiKey } from '@karta/service/home';
import { CliError } from '../../cli-error.ts';
import { defaultControlUrl } from '../../client/account.ts';
import { type Asker, openAsker } from '../../client/ask.ts';
import { signInByBrowser } from '../../client/browser-sign-in.ts';
import { readLogin, removeLogin, writeLogin } from '../../client/login-file.ts';
import { signIn, signOut, signUp } from '../../client/sign-in.ts';
import { EXIT } from '../../exit-codes.ts';
import type { Terminal } from '../../output/terminal.ts';
import { makeHome } from '../../supervisor/make-home.ts';
import { homeFolder } from '../../supervisor/settings.ts';

export interface LoginOptions {
  home?: string;
  json?: boolean;
  /** The control plane. */
  url?: string;
  /** With an API key, typed or piped: an argument could be read by everybody. */
  key?: boolean;
  email?: string;
  org?: string;
  /** Makes the account first. */
  signUp?: boolean;
  name?: string;
  /** The link of an invitation, which the new account accepts. */
  invitation?: string;
}

/**
 * `karta login`: signs in and keeps it for later commands: as a person by a page of the control
 * plane, or with the password when an address is named, or with an API key.
 */
export async function login(options: LoginOptions, terminal: Terminal): Promise<number> {
  refuseMixed(options);
  const home = homeFolder(options.home);
  const controlUrl = controlUrlOf(options.url ?? (await defaultControlUrl(home)));
  const token = await tokenFrom(controlUrl, options, terminal);
  const account = options.key
    ? await keyAccount(controlUrl, token)
    : await personAccount(controlUrl, token, options);
  await makeHome(home);
  await writeLogin(home, { control_url: controlUrl, token, org: account.org });
  const { who, org } = account;
  if (options.json === true) terminal.json({ control_url: controlUrl, who, org });
  else {
    terminal.out(`Signed in to ${controlUrl} as ${who}${org === null ? '' : `, org ${org}`}\n`);
    if (org === null && !options.key) terminal.note('Make an org: karta orgs create <slug>');
  }
  return EXIT.ok.code;
}

/** `karta logout`: ends the login on the server and forgets it here. */
export async function logout(
  options: { home?: string; json?: boolean },
  terminal: Terminal,
): Promise<number> {
  const home = homeFolder(options.home);
  const known = await readLogin(home);
  if (known === null) {
    throw new CliError('usage', 'You are not signed in', 'Sign in with: karta login');
  }
  try {
    // A key stays valid: other programs may use it.
    if (!isApiKey(known.token)) await signOut(known.control_url, known.token);
  } finally {
    await removeLogin(home);
  }
  if (options.json === true) terminal.json({ control_url: known.control_url, signed_out: true });
  else terminal.out(`Signed out of ${known.control_url}\n`);
  return EXIT.ok.code;
}

async function tokenFrom(
  controlUrl: string,
  options: LoginOptions,
  terminal: Terminal,
): Promise<string> {
  if (options.key !== true && options.email === undefined && options.signUp !== true) {
    return signInByBrowser(controlUrl, ({ url, code }) => {
      terminal.note(`Open this page, and see that it shows the code ${code}:\n  ${url}`);
    });
  }
  using asker = openAsker(terminal);
  // Awaited here: the questions end with this function.
  return await (options.key ? askKey(asker) : signInPerson(controlUrl, options, asker, terminal));
}

function refuseMixed({ key, email, signUp, name, invitation }: LoginOptions): void {
  const person = email !== undefined || signUp === true;
  if (key === true && person) {
    throw new CliError('usage', '--key signs no person in', 'Leave --key or the person away.');
  }
  if ((name !== undefined || invitation !== undefined) && signUp !== true) {
    throw new CliError(
      'usage',
      '--name and --invitation are for a new account',
      'Add --sign-up; with an account: karta login, then karta members accept <link>',
    );
  }
}

async function signInPerson(
  controlUrl: string,
  options: LoginOptions,
  asker: Asker,
  terminal: Terminal,
): Promise<string> {
  const email = options.email ?? (await asker.ask('E-mail: '));
  if (options.signUp === true) {
    const name = options.name ?? (await asker.ask('Name: '));
    const password = await asker.askSecret('Password (10 characters or more): ');
    const invitation = options.invitation && tokenOfLink(options.invitation);
    await signUp(controlUrl, { email, password, name, ...(invitation ? { invitation } : {}) });
    terminal.note(`Made an account for ${email}`);
    const token = await signIn(controlUrl, { email, password }, () => askCode(asker));
    if (invitation) {
      await new Karta({ apiKey: token, controlUrl }).members.accept(invitation);
    }
    return token;
  }
  const password = await asker.askSecret('Password: ');
  return signIn(controlUrl, { email, password }, () => askCode(asker));
}

function askCode(asker: Asker): Promise<string> {
  return asker.askSecret('Code of your authenticator, or a backup code: ');
}

async function askKey(asker: Asker): Promise<string> {
  const key = (await asker.askSecret('API key: ')).trim();
  if (isApiKey(key)) return key;
  throw new CliError(
    'usage',
    'That is no API key',
    'One is kt_live_ or kt_test_ and 32 letters or digits: karta keys create, or the dashboard.',
  );
}

async function keyAccount(controlUrl: string, key: string) {
  const org = await new Karta({ apiKey: key, controlUrl }).orgs.get();
  return { who: `API key ${key.slice(0, 16)}…`, org: org.slug };
}

async function personAccount(controlUrl: string, token: string, options: LoginOptions) {
  const person = await new Karta({ apiKey: token, controlUrl }).orgs.me();
  return { who: person.email, org: chosenOrg(person.orgs, options.org) };
}

function chosenOrg(orgs: readonly OwnOrg[], wanted: string | undefined): string | null {
  if (wanted === undefined) return orgs.length === 1 ? (orgs[0]?.slug ?? null) : null;
  const found = orgs.find((org) => org.slug === wanted || org.id === wanted);
  if (found !== undefined) return found.slug;
  throw new CliError(
    'refused',
    `You are in no org "${wanted}"`,
    `Yours: ${orgs.map((org) => org.slug).join(', ') || 'none yet'}`,
  );
}

/** What follows `#token=` in the link of an invitation; a bare token is taken as it is. */
export function tokenOfLink(link: string): string {
  return /#token=([^&]+)/.exec(link)?.[1] ?? link;
}

function controlUrlOf(text: string): string {
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol)) return text.replace(/\/+$/, '');
  throw new CliError('usage', `"${text}" is no address`, 'Write it with https://');
}
