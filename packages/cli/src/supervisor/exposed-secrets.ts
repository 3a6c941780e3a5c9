import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';

type Environment = Readonly<Record<string, string | undefined>>;

const declarations = z.object({
  env: z
    .record(
      z.string(),
      z.object({ secret: z.boolean().default(false), expose: z.boolean().default(false) }),
    )
    .default({}),
});

/**
 * The values, from `environment`, of the secrets that some published application declares in its
 * `karta.toml` as `{secret = true, expose = true}`. The data plane is given these and no other.
 */
export async function exposedSecretsOf(
  home: string,
  environment: Environment,
): Promise<Record<string, string>> {
  const secrets: Record<string, string> = {};
  for (const release of await readdir(join(home, 'releases')).catch(absent)) {
    const text = await readFile(join(home, 'releases', release, 'karta.toml'), 'utf8').catch(
      absent,
    );
    if (typeof text !== 'string') continue;
    // A release was checked when it was published; one that does not parse declares nothing.
    const parsed = declarations.safeParse(parse(text));
    for (const [name, variable] of Object.entries(parsed.data?.env ?? {})) {
      const value = environment[name];
      if (variable.secret && variable.expose && value !== undefined) secrets[name] = value;
    }
  }
  return secrets;
}

function absent(error: NodeJS.ErrnoException): never[] {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
  throw error;
}
