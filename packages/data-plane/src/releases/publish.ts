import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AgentInfo, AppProblem, Harness, HarnessId } from '@karta/harness';
import { activateRelease, type PublishedContent, recordRelease } from '../control/publish.ts';
import { appFolderOf } from './app-folder.ts';
import { chooseHarness } from './choose-harness.ts';
import { resolveConfigLinks } from './config-links.ts';
import { FolderChanged } from './copy-tree.ts';
import { type Environment, releaseEnv } from './env-values.ts';
import { readKartaToml } from './karta-toml.ts';
import { modelProblems, type Upstreams } from './model-check.ts';
import { networkProblems } from './network-check.ts';
import { appError, appWarning, hasErrors } from './problem.ts';
import { folderName, projectRef } from './project-ref.ts';
import { releaseConfigOf } from './release-config.ts';
import { type Snapshot, takeSnapshot } from './snapshot.ts';
import { walkFolder } from './walk.ts';

export interface PublishRequest {
  /** The platform's home, whose local control plane records the release. */
  home: string;
  folder: string;
  harnesses: readonly Harness[];
  /** What the doors serve: a model that nobody serves refuses the publish. */
  upstreams: Upstreams;
  /** Where `[env]` finds its values. */
  environment: Environment;
}

export interface PublishResult {
  ok: true;
  ref: string;
  projectId: string;
  releaseId: string;
  version: string;
  /** False when the project had this very release already. */
  created: boolean;
  digest: string;
  harness: { id: HarnessId; name: string; version: string };
  agents: readonly AgentInfo[];
  skills: readonly string[];
  warnings: readonly AppProblem[];
}

/** Why a folder was not published. At least one is an error; nothing that runs has changed. */
export interface PublishProblems {
  ok: false;
  folder: string;
  problems: readonly AppProblem[];
}

/**
 * Publishes a folder of this machine: guard, copy, detect, check, materialise, record, activate.
 * What is wrong with the folder is a value; what is wrong with the machine (a full disk, a missing
 * right) rejects with the system's error, and leaves nothing behind.
 */
export async function publishFolder(
  request: PublishRequest,
): Promise<PublishResult | PublishProblems> {
  const folder = resolve(request.folder);
  const refused = (problems: readonly AppProblem[]): PublishProblems => ({
    ok: false,
    folder,
    problems,
  });
  const fault = await folderFault(folder);
  if (fault !== null) return refused([appError('', 0, fault)]);

  const walked = await walkFolder(folder);
  const flat = resolveConfigLinks(walked.entries);
  const guarded = [...walked.problems, ...flat.problems];
  if (hasErrors(guarded)) return refused(guarded);

  let snapshot: Snapshot;
  try {
    snapshot = await takeSnapshot(request.home, folder, flat.entries);
  } catch (error) {
    if (error instanceof FolderChanged) return refused([appError('', 0, error.message)]);
    throw error;
  }
  try {
    const examined = await examine(request, folder, snapshot);
    if ('problems' in examined) return refused(examined.problems);
    await snapshot.keep();
    const { publish, result } = examined;
    const recorded = await recordRelease(request.home, publish);
    await activateRelease(request.home, recorded.releaseId);
    return { ok: true, ...recorded, ...result };
  } finally {
    await snapshot.discard();
  }
}

type Examined =
  | { problems: readonly AppProblem[] }
  | {
      publish: PublishedContent;
      result: Pick<PublishResult, 'ref' | 'digest' | 'harness' | 'agents' | 'skills' | 'warnings'>;
    };

/** All that is wrong with an application, or what to record of it. */
async function examine(
  request: PublishRequest,
  folder: string,
  snapshot: Snapshot,
): Promise<Examined> {
  const app = appFolderOf(snapshot.path, snapshot.entries);
  const { toml, problems } = readKartaToml(app);
  const name = toml.name ?? folderName(folder);
  const ref = projectRef(name);
  if (ref === null) {
    const message = `no project ref can be made of "${name}"; name it in karta.toml: name = "…"`;
    problems.push(appError('', 0, message));
  }
  if (hasErrors(problems)) return { problems };

  const choice = await chooseHarness(app, toml, request.harnesses, request.upstreams);
  if ('problem' in choice) return { problems: [...problems, choice.problem] };
  const { harness, detection, version } = choice.chosen;
  const { env, problems: envProblems } = releaseEnv(app, toml, request.environment);
  problems.push(
    ...detection.problems,
    ...modelProblems(app, toml, choice.chosen, request.upstreams),
    ...envProblems,
    ...networkProblems(app, toml, detection.mcpHosts),
    ...app.paths.filter(isSecretsFile).map((path) => appWarning(path, 0, SECRETS_FILE)),
  );
  if (hasErrors(problems) || ref === null) return { problems };

  const pinned = { id: harness.id, version };
  const config = releaseConfigOf(toml, env);
  return {
    publish: { ref, digest: snapshot.content, harness: pinned, config },
    result: {
      ref,
      digest: snapshot.content,
      harness: { ...pinned, name: harness.name },
      agents: detection.agents,
      skills: detection.skills,
      warnings: problems,
    },
  };
}

async function folderFault(folder: string): Promise<string | null> {
  try {
    return (await stat(folder)).isDirectory() ? null : `${folder} is not a folder`;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return `${folder} does not exist`;
  }
}

const SECRETS_FILE = 'is part of the release: the agent can read it';

function isSecretsFile(path: string): boolean {
  return /(^|\/)\.env(\.[^/]*)?$/.test(path) && !/\.(example|sample|template)$/.test(path);
}
