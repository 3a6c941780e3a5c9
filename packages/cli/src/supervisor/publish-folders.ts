import { resolve } from 'node:path';
import {
  collidingFolders,
  type PublishProblems,
  type PublishResult,
  problemText,
  publishFolder,
  setDefaultProject,
} from '@karta/data-plane';
import { createHarnesses } from '@karta/harness';
import type { UpstreamsAnswer } from '@karta/protocol';
import { CliError } from '../cli-error.ts';

export interface PublishSettings {
  home: string;
  upstreams: UpstreamsAnswer['upstreams'];
  /** Where `[env]` of an application's `karta.toml` finds its values. */
  environment: Readonly<Record<string, string | undefined>>;
  /** Make the first folder's project the one that flat sessions belong to. */
  makeDefault: boolean;
}

/** A folder as it is served. */
export interface Published extends PublishResult {
  folder: string;
}

/** Publishes one folder; what is wrong with it is a value. */
export async function publishOne(
  folder: string,
  settings: PublishSettings,
): Promise<Published | PublishProblems> {
  const { home, upstreams, environment } = settings;
  const result = await publishFolder({
    home,
    folder,
    upstreams,
    environment,
    harnesses: [...createHarnesses().values()],
  });
  return result.ok ? { ...result, folder: resolve(folder) } : result;
}

/**
 * Publishes the folders, the first one as the default project when asked to. Throws `CliError` that lists
 * the problems with file and line.
 */
export async function publishFolders(
  folders: readonly string[],
  settings: PublishSettings,
): Promise<Published[]> {
  const [collision] = collidingFolders(folders);
  if (collision !== undefined) {
    throw new CliError(
      'application',
      `${collision.folders.join(' and ')} would both be the project "${collision.ref}"`,
      'Give one of them another name in its karta.toml: name = "…"',
    );
  }
  const published: Published[] = [];
  for (const folder of folders) {
    const result = await publishOne(folder, settings);
    if (!result.ok) throw folderError(result);
    published.push(result);
  }
  const [first] = published;
  if (first !== undefined && settings.makeDefault)
    await setDefaultProject(settings.home, first.ref);
  return published;
}

/** The error that a folder's problems are. */
export function folderError(refused: PublishProblems): CliError {
  return new CliError(
    'application',
    `${refused.folder} cannot be served`,
    'Correct what is listed and try again.',
    { details: refused.problems.map(problemText) },
  );
}
