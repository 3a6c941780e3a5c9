import type { AppFolder, AppProblem } from '@karta/harness';
import { RESERVED_ENV } from '@karta/protocol';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { appError, appWarning } from './problem.ts';
import { tomlLine } from './toml-lines.ts';

/** Where the values of `[env]` come from: locally the environment of `karta serve`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What to do about a value that is missing. */
const HOW_TO_SET =
  'set it by karta env set, or in the environment of karta serve <folder>, and publish again';

/**
 * The values of `[env]` that belong to the release: those that are no secret. A secret is looked up
 * again at each start of a sandbox ({@link exposedSecrets}) and is in no file of the platform.
 */
export function releaseEnv(
  app: AppFolder,
  toml: KartaToml,
  environment: Environment,
): { env: Record<string, string>; problems: AppProblem[] } {
  const env: Record<string, string> = {};
  const problems: AppProblem[] = [];
  const text = app.text(KARTA_TOML) ?? '';
  for (const [name, variable] of Object.entries(toml.env ?? {})) {
    const line = tomlLine(text, ['env', name]);
    if (RESERVED_ENV.test(name)) {
      const message = `${name} is the platform's own and enters no sandbox; choose another name`;
      problems.push(appError(KARTA_TOML, line, message));
      continue;
    }
    const value = environment[name];
    if (value === undefined && variable.required) {
      const about = variable.description === undefined ? '' : ` (${variable.description})`;
      problems.push(appError(KARTA_TOML, line, `${name}${about} is required; ${HOW_TO_SET}`));
    }
    if (variable.secret && variable.expose) {
      problems.push(
        appWarning(KARTA_TOML, line, `${name} is a secret that the agent will be able to read`),
      );
    }
    if (value !== undefined && !variable.secret) env[name] = value;
  }
  return { env, problems };
}

/** Names of the secrets that an application may see in its sandbox. */
export function exposedSecrets(toml: KartaToml): string[] {
  return Object.entries(toml.env ?? {})
    .filter(([name, { secret, expose }]) => secret && expose && !RESERVED_ENV.test(name))
    .map(([name]) => name);
}

/** The values of `names` at this moment; those without one are left out. */
export function valuesOf(
  names: readonly string[],
  environment: Environment,
): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of names) {
    const value = environment[name];
    if (value !== undefined) values[name] = value;
  }
  return values;
}
