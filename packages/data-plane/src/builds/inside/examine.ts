import { detectors } from '@karta/harness/detectors';
import { appFolderOf } from '../../releases/app-folder.ts';
import { chooseHarness, type PublishHarness } from '../../releases/choose-harness.ts';
import { declaredEnv, undeclaredSecrets } from '../../releases/declared-env.ts';
import type { Entry } from '../../releases/entry.ts';
import { releaseEnv } from '../../releases/env-values.ts';
import { KARTA_TOML, readKartaToml } from '../../releases/karta-toml.ts';
import { modelProblems } from '../../releases/model-check.ts';
import { networkProblems } from '../../releases/network-check.ts';
import { appError, hasErrors } from '../../releases/problem.ts';
import { recordConfig } from '../../releases/record-config.ts';
import { secretsFiles } from '../../releases/secrets-files.ts';
import { tomlLine } from '../../releases/toml-lines.ts';
import type { BuilderRequest, Examined } from '../build-wire.ts';
import { BuildRefused } from './build-refused.ts';

/** What the platform must know of an application, and the code of its own that is to be run. */
export interface Application {
  facts: Omit<Examined, 'kind' | 'content_digest'>;
  /** `[build] setup`. */
  setup: string | null;
}

/**
 * Reads and checks every configuration file of an application. Throws `BuildRefused` with all that
 * is wrong, each with its file and line.
 */
export async function examine(
  tree: string,
  entries: readonly Entry[],
  request: BuilderRequest,
): Promise<Application> {
  const app = appFolderOf(tree, entries);
  const { toml, problems } = readKartaToml(app, { builds: true });
  if (hasErrors(problems)) throw new BuildRefused(problems);
  const { upstreams } = request;
  const choice = await chooseHarness(app, toml, harnessesOf(request), upstreams);
  if ('problem' in choice) throw new BuildRefused([...problems, choice.problem]);
  const { harness, detection, version } = choice.chosen;
  const { env, problems: envProblems } = releaseEnv(app, toml, valuesOf(request));
  problems.push(
    ...detection.problems,
    ...modelProblems(app, toml, choice.chosen, upstreams),
    ...envProblems,
    ...undeclaredSecrets(app, toml, request.env.secret),
    ...networkProblems(app, toml, detection.mcpHosts),
    ...secretsFiles(app),
  );
  const setup = toml.build?.setup ?? null;
  if (setup !== null && request.setup_refused !== null) {
    const line = tomlLine(app.text(KARTA_TOML) ?? '', ['build', 'setup']);
    problems.push(appError(KARTA_TOML, line, request.setup_refused));
  }
  if (hasErrors(problems)) throw new BuildRefused(problems);
  return {
    setup,
    facts: {
      name: toml.name ?? request.fallback_name,
      harness: { id: harness.id, version },
      config: recordConfig(toml, env),
      declared_env: declaredEnv(toml),
      agents: detection.agents.map((agent) => agent.name),
      skills: [...detection.skills],
      warnings: problems,
      setup: setup !== null,
      build_allow: toml.build?.allow ?? [],
    },
  };
}

function harnessesOf({ installations }: BuilderRequest): PublishHarness[] {
  return detectors.map((detector) => ({
    ...detector,
    async installed() {
      const known = installations[detector.id];
      if (known === undefined) {
        return { installed: false, message: `This server has no ${detector.name}.` };
      }
      return known.installed ? { ...known, binary: '' } : known;
    },
  }));
}

/** A secret's value is none of the builder's business; that there is one satisfies `required`. */
function valuesOf({ env }: BuilderRequest): Record<string, string> {
  return { ...Object.fromEntries(env.secret.map((name) => [name, ''])), ...env.plain };
}
