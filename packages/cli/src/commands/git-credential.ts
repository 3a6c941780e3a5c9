import { text } from 'node:stream/consumers';
import { CliError } from '../cli-error.ts';
import { type AccountOptions, openAccount } from '../client/account.ts';
import { EXIT } from '../exit-codes.ts';
import { asksAbout, credentialText, parseCredential } from '../git/credential-protocol.ts';
import type { Terminal } from '../output/terminal.ts';

/** The name for git, which wants one, of who works in their only org. */
const NO_ORG = '_';

/**
 * `karta git-credential get`: what git is told when it asks, on standard input, about the server that
 * one is signed in to: the key or login as password, the org as name. `store` and `erase` do nothing,
 * as git's rules have it: `karta login` keeps the credential, and `karta logout` forgets it.
 */
export async function gitCredential(
  operation: string,
  options: AccountOptions,
  terminal: Terminal,
  input: NodeJS.ReadableStream = process.stdin,
): Promise<number> {
  if (operation !== 'get') return EXIT.ok.code;
  const question = parseCredential(await text(input));
  if (!question.has('host')) {
    throw new CliError(
      'usage',
      'git asked about no server',
      'It is git that runs this; set it up with: karta init',
    );
  }
  const { controlUrl, token, org } = await openAccount(options);
  if (asksAbout(question, controlUrl)) {
    terminal.out(credentialText({ username: org ?? NO_ORG, password: token }));
  } else {
    terminal.note(`karta: you are signed in to ${controlUrl}, not to ${question.get('host')}`);
  }
  return EXIT.ok.code;
}
