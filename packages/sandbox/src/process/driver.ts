import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SandboxDriver, SandboxError, type SandboxSpec } from '../port.ts';
import { withReader } from '../reader/tools.ts';
import { checkSpec } from '../spec/check-spec.ts';
import { folderVolumes } from './folder-volumes.ts';
import { freePort, offerOnLoopback } from './loopback-offer.ts';
import type { Places } from './places.ts';
import { processSandbox } from './process-sandbox.ts';
import { restoreProtected } from './protect.ts';

export interface NoneDriverOptions {
  /** The platform's home; volumes lie in its `volumes-none`, as their files have another owner and form. */
  home: string;
}

/** The driver without isolation: plain processes, for `karta dev` and the bundled examples only. */
export function createNoneDriver(options: NoneDriverOptions): SandboxDriver {
  const volumes = folderVolumes(join(options.home, 'volumes-none'));
  const scratchRoot = join(options.home, 'sandboxes', 'none');
  /** Sandbox id by the volume it uses. */
  const inUse = new Map<string, string>();

  return {
    id: 'none',
    isolation: 'none',
    probe: async () => ({
      usable: true,
      notes: ['plain processes of this user'],
      problems: ['nothing separates an agent from this machine: for development only'],
    }),
    async create(given) {
      const spec = withReader(given);
      checkSpec(spec);
      if (inUse.has(spec.volumeId)) {
        throw new SandboxError('busy', `a live sandbox uses the volume ${spec.volumeId}`);
      }
      inUse.set(spec.volumeId, spec.id);
      try {
        return await boot(spec);
      } catch (error) {
        inUse.delete(spec.volumeId);
        if (error instanceof SandboxError) throw error;
        throw new SandboxError('boot_failed', 'the sandbox could not be made', { cause: error });
      }
    },
    async destroyVolume(volumeId) {
      if (inUse.has(volumeId)) {
        throw new SandboxError('busy', `a live sandbox uses the volume ${volumeId}`);
      }
      await volumes.destroy(volumeId);
    },
    volumes: () => volumes.list(),
    reap: () => rm(scratchRoot, { recursive: true, force: true }),
  };

  async function boot(spec: SandboxSpec) {
    const { workspace, home } = await volumes.open(spec.volumeId, spec.release);
    const scratch = join(scratchRoot, spec.id);
    const places: Places = { workspace, home, tmp: join(scratch, 'tmp'), bound: new Map() };
    await mkdir(places.tmp, { recursive: true, mode: 0o700 });
    const bound = new Map(spec.tools.map((tool) => [tool.target, tool.source]));
    for (const [index, file] of spec.files.entries()) {
      const real = join(scratch, `file-${index}`);
      await writeFile(real, file.content, { mode: 0o400, flag: 'wx' });
      bound.set(file.target, real);
    }
    restoreProtected(spec.release, workspace, spec.protectedPaths);
    const ports = new Map<string, number>();
    for (const name of spec.listens) ports.set(name, await freePort());
    const offers = new Map<string, Awaited<ReturnType<typeof offerOnLoopback>>>();
    for (const { name, socket } of spec.offers) offers.set(name, await offerOnLoopback(socket));
    return processSandbox({
      spec,
      places: { ...places, bound },
      offers,
      ports,
      scratch,
      disposed: () => inUse.delete(spec.volumeId),
    });
  }
}
