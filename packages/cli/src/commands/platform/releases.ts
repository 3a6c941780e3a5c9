import { type AccountOptions, openAccount } from '../../client/account.ts';
import { projectName } from '../../client/project-name.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';

export interface ReleaseOptions extends AccountOptions {
  project?: string;
}

/** `karta releases`: a project's releases, the newest first. */
export async function listReleases(options: ReleaseOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.releases.list(projectName(options.project)),
    {
      columns: [
        ['version', (release) => release.version],
        ['state', stateOf],
        ['made', (release) => shortTime(release.created_at)],
        ['by', (release) => release.created_by.label],
        ['harness', (release) => `${release.harness.id} ${release.harness.version}`],
        ['digest', (release) => release.digest.slice(0, 12)],
      ],
      empty: 'No releases. Publish one: karta deploy <folder>',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta releases history`: which release was active when. */
export async function listActivations(
  options: ReleaseOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.releases.activations(projectName(options.project)),
    {
      columns: [
        ['when', (activation) => shortTime(activation.at)],
        ['version', (activation) => activation.version],
        ['before', (activation) => activation.previous_version],
        ['why', (activation) => activation.reason],
        ['by', (activation) => activation.by.label],
      ],
      empty: 'Nothing was active yet.',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta releases activate <version>` */
export async function activateRelease(
  version: string,
  options: ReleaseOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const project = projectName(options.project);
  const activation = await karta.releases.activate(project, version);
  if (options.json === true) terminal.json(activation);
  else terminal.out(`${project} ${activation.version} is active; sessions keep their release\n`);
  return EXIT.ok.code;
}

/** `karta rollback [--to <version>]`: back to the release that was active before. */
export async function rollback(
  options: ReleaseOptions & { to?: string },
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const project = projectName(options.project);
  const { version, previous_version } = await karta.releases.rollback(project, options.to);
  if (options.json === true) terminal.json({ project, version, previous_version });
  else terminal.out(`${project} is back on ${version} (was ${previous_version ?? 'nothing'})\n`);
  return EXIT.ok.code;
}

/** `karta releases revoke <version>`: refuses it for good and ends its sessions. */
export async function revokeRelease(
  version: string,
  options: ReleaseOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const project = projectName(options.project);
  const release = await karta.releases.revoke(project, version);
  if (options.json === true) terminal.json(release);
  else terminal.out(`${project} ${version} is revoked; its sessions end\n`);
  return EXIT.ok.code;
}

/** `karta releases diff <version>`: what differs from another release. */
export async function diffRelease(
  version: string,
  options: ReleaseOptions & { against?: string },
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const project = projectName(options.project);
  const diff = await karta.releases.diff(project, version, options.against);
  if (options.json === true) {
    terminal.json(diff);
    return EXIT.ok.code;
  }
  terminal.note(`${project} ${diff.from} → ${diff.to}`);
  for (const path of diff.added) terminal.out(`${terminal.style('green', `+ ${path}`)}\n`);
  for (const path of diff.removed) terminal.out(`${terminal.style('red', `- ${path}`)}\n`);
  for (const path of diff.changed) terminal.out(`~ ${path}\n`);
  for (const { name, from, to } of diff.config) terminal.out(`~ ${name}: ${from} → ${to}\n`);
  return EXIT.ok.code;
}

function stateOf(release: {
  active: boolean;
  revoked_at: string | null;
  expired_at: string | null;
}): string {
  if (release.revoked_at !== null) return 'revoked';
  if (release.active) return 'active';
  return release.expired_at === null ? '' : 'expired';
}
