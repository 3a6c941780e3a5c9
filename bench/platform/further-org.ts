import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { karta } from '../../test/e2e/karta-process.ts';
import type { TwoPlanes } from '../../test/planes/two-planes.ts';

const PASSWORD = 'correct horse battery';

/** A further org on planes that let anybody sign up, made by `karta` itself; its API key. */
export async function furtherOrg(planes: TwoPlanes, slug: string): Promise<string> {
  const home = join(planes.home, slug);
  await mkdir(home, { mode: 0o700 });
  const run = async (args: readonly string[], input = '') => {
    const { code, stdout, stderr } = await karta(args, { home, input });
    if (code !== 0) throw new Error(`karta ${args.join(' ')} → ${code}: ${stdout}${stderr}`);
    return stdout;
  };
  const who = ['--email', `${slug}@bench.example`, '--name', slug];
  await run(['login', '--sign-up', ...who, '--url', planes.control.url], `${PASSWORD}\n`);
  await run(['orgs', 'create', slug]);
  const made = JSON.parse(await run(['keys', 'create', 'bench', '--json'])) as { api_key: string };
  return made.api_key;
}
