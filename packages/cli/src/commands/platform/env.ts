import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { openAsker } from '../../client/ask.ts';
import { projectName } from '../../client/project-name.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface EnvOptions extends AccountOptions {
  project?: string;
}

/** `karta env`: the values of a project's `[env]`; secrets without their value. */
export async function listEnv(options: EnvOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.env.list(projectName(options.project)),
    {
      columns: [
        ['name', (entry) => entry.name],
        ['value', (entry) => (entry.secret ? '(secret)' : entry.value)],
        ['changed', (entry) => shortTime(entry.updated_at)],
      ],
      empty: 'No values. Set one: karta env set NAME=value',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/**
 * `karta env set NAME=value`; a secret is `karta env set NAME --secret` and its value typed or
 * piped, since an argument can be read by everybody on the machine.
 */
export async function setEnv(
  assignment: string,
  options: EnvOptions & { secret?: boolean },
  terminal: Terminal,
): Promise<number> {
  const at = assignment.indexOf('=');
  const name = at < 0 ? assignment : assignment.slice(0, at);
  const secret = options.secret === true;
  if (secret && at >= 0) {
    throw new CliError(
      'usage',
      'The value of a secret may not stand on the command line',
      `Type it or pipe it in: karta env set ${name} --secret`,
    );
  }
  const { karta } = await openAccount(options);
  const project = projectName(options.project);
  const value = at < 0 ? await askValue(name, terminal) : assignment.slice(at + 1);
  const change = await karta.env.set(project, name, value, { secret });
  if (options.json === true) terminal.json(change);
  else terminal.out(`${project}: ${name} is set${madeRelease(change.release)}\n`);
  return EXIT.ok.code;
}

/** `karta env unset NAME` */
export async function unsetEnv(
  name: string,
  options: EnvOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const project = projectName(options.project);
  const change = await karta.env.unset(project, name);
  if (options.json === true) terminal.json({ name, unset: true, release: change?.release ?? null });
  else terminal.out(`${project}: ${name} is unset${madeRelease(change?.release ?? null)}\n`);
  return EXIT.ok.code;
}

async function askValue(name: string, terminal: Terminal): Promise<string> {
  using asker = openAsker(terminal);
  // Awaited here: the question ends with this function.
  return await asker.askSecret(`Value of ${name}: `);
}

function madeRelease(release: { version: string; active: boolean } | null): string {
  if (release === null) return '';
  return `, which made ${release.version}${release.active ? ', active now' : ''}`;
}
