import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** Nobody's, as that of a process which gives up root. */
const USER = 60_577;

it.runIf(process.getuid?.() === 0)(
  'leaves what was compiled where the next start finds it, out of the new user’s reach',
  async () => {
    const cache = await mkdtemp(join(tmpdir(), 'karta-compiled-'));
    try {
      const module = JSON.stringify(new URL('./drop-user.ts', import.meta.url));
      const script = `
        const { dropTo } = await import(${module});
        dropTo(${USER});
        console.log(process.getuid());
      `;
      const { stdout, stderr } = spawnSync(
        process.execPath,
        ['--input-type=module', '-e', script],
        { encoding: 'utf8', env: { NODE_COMPILE_CACHE: cache } },
      );
      expect(stdout, stderr).toBe(`${USER}\n`);
      const [version = ''] = await readdir(cache);
      expect(await readdir(join(cache, version))).not.toEqual([]);
    } finally {
      await rm(cache, { recursive: true, force: true });
    }
  },
);
