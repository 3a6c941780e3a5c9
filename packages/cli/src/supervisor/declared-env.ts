import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { RESERVED_ENV } from '@karta/protocol';
import { type Karta, NotFoundError } from '@karta/sdk';
import { parse } from 'smol-toml';
import { z } from 'zod';

type Environment = Readonly<Record<string, string | undefined>>;

const declarations = z.object({
  env: z.record(z.string(), z.object({ secret: z.boolean().default(false) })).default({}),
});

/**
 * Gives a project the values, from `environment`, of the names that the folder's `karta.toml`
 * declares in `[env]`, so that a variable of the shell is enough where one serves for oneself. A
 * value that is no secret is left alone when it is the same already.
 */
export async function setDeclaredEnv(
  karta: Karta,
  ref: string,
  folder: string,
  environment: Environment,
): Promise<void> {
  const wanted = (await declaredIn(folder)).flatMap(({ name, secret }) => {
    const value = environment[name];
    // One that no sandbox gets is the build's to refuse, at its line.
    return value === undefined || RESERVED_ENV.test(name) ? [] : [{ name, secret, value }];
  });
  if (wanted.length === 0) return;
  if (!(await hasProject(karta, ref))) await karta.projects.create({ ref });
  const known = new Map<string, string | null>();
  for await (const { name, value, secret } of karta.env.list(ref)) {
    known.set(name, secret ? null : value);
  }
  for (const { name, secret, value } of wanted) {
    if (secret || known.get(name) !== value) await karta.env.set(ref, name, value, { secret });
  }
}

/** Whether the org has a project of that ref. */
async function hasProject(karta: Karta, ref: string): Promise<boolean> {
  return karta.projects.get(ref).then(
    () => true,
    (error: unknown) => {
      if (error instanceof NotFoundError) return false;
      throw error;
    },
  );
}

/** What `[env]` names. A karta.toml that does not parse is the build's to refuse. */
async function declaredIn(folder: string): Promise<{ name: string; secret: boolean }[]> {
  const text = await readFile(join(folder, 'karta.toml'), 'utf8').catch(absent);
  if (text === null) return [];
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    return [];
  }
  const { env } = declarations.safeParse(value).data ?? { env: {} };
  return Object.entries(env).map(([name, { secret }]) => ({ name, secret }));
}

function absent(error: NodeJS.ErrnoException): null {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EISDIR') return null;
  throw error;
}
