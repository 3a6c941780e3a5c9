import { resolve } from 'node:path';
import { collidingFolders } from '@karta/data-plane/releases';
import { HARNESS_NAMES } from '@karta/harness/names';
import type { ReleaseProblem } from '@karta/protocol';
import type { BuildView, Karta } from '@karta/sdk';
import { CliError } from '../cli-error.ts';
import { projectOfFolder } from '../client/project-name.ts';
import { type PackedFolder, packFolder } from '../deploy/pack-folder.ts';
import { problemLine } from '../deploy/problem-line.ts';
import { setDeclaredEnv } from './declared-env.ts';

export interface PublishSettings {
  /** Acts with an API key of the org that the folders are published to. */
  karta: Karta;
  /** Where `[env]` of an application's `karta.toml` finds its values. */
  environment: Readonly<Record<string, string | undefined>>;
}

/** A folder as it is served. */
export interface Published {
  folder: string;
  ref: string;
  version: string;
  /** False when the project had this very release already. */
  created: boolean;
  harness: { id: string; name: string; version: string };
  agents: readonly string[];
  warnings: readonly ReleaseProblem[];
}

/** Why a folder was not published; what runs has not changed. */
export interface PublishProblems {
  folder: string;
  problems: readonly ReleaseProblem[];
}

/** A folder that is ready to be published. */
export interface PreparedFolder {
  folder: string;
  ref: string;
  packed: PackedFolder;
}

/**
 * Packs the folders, before anything is started for them. Throws `CliError` that lists what cannot
 * be published, or two that would be one project.
 */
export async function prepareFolders(folders: readonly string[]): Promise<PreparedFolder[]> {
  const [collision] = collidingFolders(folders);
  if (collision !== undefined) {
    throw new CliError(
      'application',
      `${collision.folders.join(' and ')} would both be the project "${collision.ref}"`,
      'Give one of them another name in its karta.toml: name = "…"',
    );
  }
  const prepared: PreparedFolder[] = [];
  for (const folder of folders) prepared.push(await prepareFolder(folder));
  return prepared;
}

async function prepareFolder(folder: string): Promise<PreparedFolder> {
  const path = resolve(folder);
  const packed = await packFolder(path);
  return { folder: path, ref: projectOfFolder(path), packed };
}

/** Publishes one folder; what is wrong with it is a value. Throws the SDK's errors. */
export async function publishOne(
  folder: string,
  settings: PublishSettings,
): Promise<Published | PublishProblems> {
  const prepared = await prepareFolder(folder);
  return publishPrepared(prepared, settings);
}

/**
 * Publishes what was prepared. Throws `CliError` that lists the problems with file and line, and
 * the SDK's errors.
 */
export async function publishAll(
  prepared: readonly PreparedFolder[],
  settings: PublishSettings,
): Promise<Published[]> {
  const published: Published[] = [];
  for (const one of prepared) {
    const result = await publishPrepared(one, settings);
    if ('problems' in result) throw folderError(result);
    published.push(result);
  }
  return published;
}

async function publishPrepared(
  { folder, ref, packed }: PreparedFolder,
  { karta, environment }: PublishSettings,
): Promise<Published | PublishProblems> {
  await setDeclaredEnv(karta, ref, folder, environment);
  const build = await karta.releases.deploy(ref, packed.archive);
  if (build.release === null) return { folder, problems: problemsOf(build) };
  const release = await karta.releases.get(ref, build.release.version);
  return {
    folder,
    ref,
    version: release.version,
    created: build.release.created,
    harness: { ...release.harness, name: harnessName(release.harness.id) },
    agents: release.agents,
    warnings: build.problems,
  };
}

/** A build that failed without saying why is the platform's fault. */
function problemsOf(build: BuildView): ReleaseProblem[] {
  if (build.problems.length > 0) return build.problems;
  const message = `the build ${build.id} failed; the logs of the server say why`;
  return [{ severity: 'error', file: '', line: 0, message }];
}

function harnessName(id: string): string {
  const names: Readonly<Record<string, string>> = HARNESS_NAMES;
  return names[id] ?? id;
}

/** Makes a project the one of sessions that name none, unless it is that already. */
export async function makeDefault(karta: Karta, ref: string): Promise<void> {
  const project = await karta.projects.get(ref);
  if (!project.default) await karta.projects.update(ref, { default: true });
}

/** The error that a folder's problems are. */
export function folderError(refused: PublishProblems): CliError {
  return new CliError(
    'application',
    `${refused.folder} cannot be served`,
    'Correct what is listed and try again.',
    { details: refused.problems.map(problemLine) },
  );
}
