import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

/** `karta projects`: the projects of the org. */
export async function listProjects(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.projects.list(),
    {
      columns: [
        ['ref', (project) => project.ref],
        ['release', (project) => project.active_release?.version ?? null],
        ['default', (project) => (project.default ? 'yes' : '')],
        ['made', (project) => shortTime(project.created_at)],
        ['url', (project) => project.url],
      ],
      empty: 'No projects. Publish one: karta deploy <folder>',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta projects default <ref>`: the project of sessions that name none. */
export async function setDefaultProject(
  ref: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const project = await karta.projects.update(ref, { default: true });
  if (options.json === true) terminal.json(project);
  else terminal.out(`${ref} is the project of sessions that name none\n`);
  return EXIT.ok.code;
}

/** `karta projects delete <ref>` */
export async function deleteProject(
  ref: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await karta.projects.delete(ref);
  if (options.json === true) terminal.json({ ref, deleted: true });
  else terminal.out(`Deleted ${ref}, its releases and its sessions\n`);
  return EXIT.ok.code;
}
