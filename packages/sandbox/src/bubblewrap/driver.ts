import { chmod, cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type SandboxDriver, SandboxError, type SandboxSpec } from '../port.ts';
import { makeWritable } from '../process/protect.ts';
import { withReader } from '../reader/tools.ts';
import { checkSpec } from '../spec/check-spec.ts';
import { boot } from './boot.ts';
import { emptyTree } from './empty-tree.ts';
import { liveRecords } from './live-records.ts';
import { examineMachine, type Machine } from './machine.ts';
import { probeNamespaces } from './probe.ts';
import { drawUser } from './sandbox-user.ts';
import { requireHostRoom } from './volume/host-room.ts';
import { makeImage } from './volume/image.ts';
import { type Volume, type VolumeStore, volumeStore } from './volume/volume-store.ts';

export interface NamespaceDriverOptions {
  /** The platform's home: volumes and records lie below it. */
  home: string;
  /** Folder for sockets: its path must be short, at most some 50 bytes. */
  runtimeDir: string;
  /** `false`: volumes are watched folders even where file systems of fixed size are to be had. */
  images?: boolean;
}

/** The driver of Linux namespaces: bubblewrap, a system-call filter and control groups. */
export function createNamespaceDriver(options: NamespaceDriverOptions): SandboxDriver {
  const { home, runtimeDir } = options;
  const volumes = volumeStore(join(home, 'volumes'));
  const records = liveRecords(join(home, 'sandboxes'));
  const folders = join(runtimeDir, 's');
  /** Sandbox id by the volume it uses. */
  const inUse = new Map<string, string>();
  let examined: Promise<Machine> | null = null;
  const machine = () => {
    examined ??= examineMachine(home, options.images ?? true);
    return examined;
  };

  const driver: SandboxDriver = {
    id: 'namespace',
    isolation: 'namespace',
    probe: () => probeNamespaces(driver, machine, home),
    async create(given) {
      const spec = withReader(given);
      checkSpec(spec);
      claim(spec);
      try {
        const sandbox = await start(spec);
        return sandbox;
      } catch (error) {
        inUse.delete(spec.volumeId);
        throw error;
      }
    },
    async destroyVolume(volumeId) {
      if (inUse.has(volumeId)) throw busy(volumeId);
      await volumes.remove(volumeId, async (volume) => {
        if (volume.kind === 'folder') await emptyTree(volume.data);
      });
    },
    volumes: () => volumes.list(),
    async reap() {
      const { live, dead } = await records.sort();
      await (await machine()).groups?.reap(new Set(live.keys()));
      for (const [id, record] of dead) {
        await rm(record.folder, { recursive: true, force: true });
        await records.remove(id);
      }
    },
  };
  return driver;

  function claim(spec: SandboxSpec): void {
    if (inUse.has(spec.volumeId)) throw busy(spec.volumeId);
    if ([...inUse.values()].includes(spec.id)) {
      throw new SandboxError('invalid_spec', `a live sandbox has the id ${spec.id}`);
    }
    inUse.set(spec.volumeId, spec.id);
  }

  async function start(spec: SandboxSpec) {
    const facts = await machine();
    if (facts.images) await requireHostRoom(home);
    const { live } = await records.sort();
    if ([...live.values()].some((record) => record.volumeId === spec.volumeId)) {
      throw busy(spec.volumeId);
    }
    const folder = join(folders, spec.id);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await records.add(spec.id, spec.volumeId, folder);
    const volume = (await volumes.find(spec.volumeId)) ?? (await makeVolume(volumes, spec, facts));
    const filter = await writeFilter(folder, facts);
    try {
      const sandbox = await boot({ spec, volume, machine: facts, folder, filter });
      const dispose = sandbox.dispose;
      let disposed: Promise<void> | null = null;
      sandbox.dispose = () => {
        disposed ??= dispose().then(async () => {
          await records.remove(spec.id);
          inUse.delete(spec.volumeId);
        });
        return disposed;
      };
      return sandbox;
    } catch (error) {
      await records.remove(spec.id);
      throw error;
    }
  }
}

/** Makes the volume; an image is filled at its first mount, a folder now. */
async function makeVolume(
  volumes: VolumeStore,
  spec: SandboxSpec,
  { root, images }: Machine,
): Promise<Volume> {
  const user = root ? drawUser() : (process.getuid?.() ?? 0);
  if (images) {
    const fill = (data: string) => makeImage(data, spec.limits.diskBytes);
    return volumes.create(spec.volumeId, { kind: 'image', user }, fill);
  }
  return volumes.create(spec.volumeId, { kind: 'folder', user }, async (data) => {
    await mkdir(data, { mode: 0o711 });
    if (root) return;
    await mkdir(join(data, 'home'), { mode: 0o700 });
    const unfinished = join(data, 'unfinished');
    await cp(spec.release, unfinished, { recursive: true, verbatimSymlinks: true });
    makeWritable(unfinished);
    await chmod(unfinished, 0o755);
    await rename(unfinished, join(data, 'workspace'));
  });
}

async function writeFilter(folder: string, { filter }: Machine): Promise<string | null> {
  if (filter === null) return null;
  const path = join(folder, 'filter.bpf');
  await writeFile(path, filter);
  return path;
}

function busy(volumeId: string): SandboxError {
  return new SandboxError('busy', `a live sandbox uses the volume ${volumeId}`);
}
