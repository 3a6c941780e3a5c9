import type { AppFolder, AppProblem } from '@karta/harness';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { appError } from './problem.ts';
import { tomlLine } from './toml-lines.ts';

/** A variable as `[env]` declares it. */
export interface DeclaredEnv {
  name: string;
  secret: boolean;
  required: boolean;
  expose: boolean;
}

export function declaredEnv(toml: KartaToml): DeclaredEnv[] {
  return Object.entries(toml.env ?? {}).map(([name, { secret, required, expose }]) => ({
    name,
    secret,
    required,
    expose,
  }));
}

/** Values stored as secrets that the application does not treat as such: they would leak. */
export function undeclaredSecrets(
  app: AppFolder,
  toml: KartaToml,
  stored: readonly string[],
): AppProblem[] {
  const text = app.text(KARTA_TOML) ?? '';
  return declaredEnv(toml)
    .filter(({ name, secret }) => !secret && stored.includes(name))
    .map(({ name }) => {
      const message = `${name} is stored as a secret; declare it with secret = true, or set it without --secret`;
      return appError(KARTA_TOML, tomlLine(text, ['env', name]), message);
    });
}
