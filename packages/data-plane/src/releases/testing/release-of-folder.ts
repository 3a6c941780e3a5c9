import { createHarnesses } from '@karta/harness';
import { newId } from '@karta/protocol';
import type { Release } from '../../control/port.ts';
import { appFolderOf } from '../app-folder.ts';
import { chooseHarness } from '../choose-harness.ts';
import { resolveConfigLinks } from '../config-links.ts';
import { releaseEnv } from '../env-values.ts';
import { readKartaToml } from '../karta-toml.ts';
import type { Upstreams } from '../model-check.ts';
import { hasErrors, problemText } from '../problem.ts';
import { releaseConfigOf } from '../release-config.ts';
import { walkFolder } from '../walk.ts';
import { takeSnapshot } from './snapshot.ts';

/**
 * A release of a folder in a home, without a control plane that knows it or a sandbox that builds
 * it: for what runs releases. Throws an `Error` with the folder's problems.
 */
export async function releaseOfFolder(
  home: string,
  folder: string,
  upstreams: Upstreams,
): Promise<Release> {
  const walked = await walkFolder(folder);
  const flat = resolveConfigLinks(walked.entries);
  const snapshot = await takeSnapshot(home, folder, flat.entries);
  const app = appFolderOf(snapshot.path, snapshot.entries);
  const { toml, problems } = readKartaToml(app);
  const choice = await chooseHarness(app, toml, [...createHarnesses().values()], upstreams);
  if ('problem' in choice) throw new Error(problemText(choice.problem));
  const { env, problems: envProblems } = releaseEnv(app, toml, {});
  const all = [...walked.problems, ...flat.problems, ...problems, ...envProblems];
  if (hasErrors(all)) throw new Error(all.map(problemText).join('\n'));
  await snapshot.keep();
  const { harness, version } = choice.chosen;
  return {
    id: newId('release'),
    orgId: newId('org'),
    projectId: newId('project'),
    version: 'v1',
    digest: snapshot.content,
    harness: { id: harness.id, version },
    createdAt: new Date(),
    config: releaseConfigOf(toml, env),
  };
}
