import { chmod, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { SandboxError, type SandboxSpec } from '../port.ts';
import { outerArguments, type Sources } from './bwrap-arguments.ts';
import type { ControlGroup } from './cgroup/control-groups.ts';
import { type Forwarder, forwardersOf } from './forwarders.ts';
import { type InsideFolder, makeInsideFolder } from './inside-folder.ts';
import type { Launch } from './launcher.ts';
import type { Machine } from './machine.ts';
import { holdMounts } from './mount-holder.ts';
import { type NamespaceSandbox, namespaceSandbox } from './namespace-sandbox.ts';
import { type ProtectedEntry, protectedEntries } from './protected-tree.ts';
import { watchQuota } from './quota-watch.ts';
import { lockUser } from './sandbox-user.ts';
import { detached, imageBytes } from './volume/image.ts';
import type { Volume } from './volume/volume-store.ts';

/** Ports inside belong to the sandbox alone; these are below those that the kernel gives out. */
const FIRST_LISTEN_PORT = 4300;
/** Part of the memory limit that `/tmp`, and likewise `/dev/shm`, may fill. */
const TEMPORARY_SHARE = 0.5;
/**
 * Address space that the runtimes of JavaScript reserve writable and never fill: OpenCode takes up to
 * 4.9 GB of it at 0.4 GB resident, and ends itself when it gets less than some 3 GB.
 */
const RESERVED_BYTES = 4 * 1024 ** 3;

export interface BootParts {
  spec: SandboxSpec;
  volume: Volume;
  machine: Machine;
  /** The sandbox's folder below the runtime folder: it exists and is empty. */
  folder: string;
  filter: string | null;
}

/** Builds a sandbox over a volume. What was built before a failure is taken down again. */
export async function boot(parts: BootParts): Promise<NamespaceSandbox> {
  const { spec, volume, machine, folder } = parts;
  const undo: (() => Promise<void>)[] = [];
  const release = async () => {
    for (const step of undo.splice(0).reverse()) await step();
  };
  try {
    undo.push(() => rm(folder, { recursive: true, force: true }));
    if (machine.root) undo.push(await lockUser(volume.user));
    const ports = new Map<string, number>();
    const forwarders = forwardersOf(spec);
    for (const { offer, port } of forwarders) if (offer !== null) ports.set(offer, port);
    for (const [at, name] of spec.listens.entries()) ports.set(name, FIRST_LISTEN_PORT + at);
    const entries = await protectedEntries(spec.release, spec.protectedPaths);
    const inside = await makeInsideFolder(join(folder, 'k'), spec, entries, forwarders);
    const { sources, become } = machine.root
      ? await rootSources(parts, inside, entries, forwarders, undo)
      : { sources: plainSources(parts, inside, entries, forwarders), become: null };
    let group: ControlGroup | null = null;
    if (machine.groups !== null) {
      group = await machine.groups.create(spec.org, spec.id, spec.limits);
      undo.push(group.destroy);
    }
    const plan: Launch = {
      outer: outerArguments(sources),
      covers: inside.covers,
      filter: parts.filter,
      forwarders,
      hosts: sources.hosts,
      join: group?.join ?? [],
      become,
      limits: resourceLimits(parts),
    };
    const sandbox = namespaceSandbox({
      spec,
      weaknesses: weaknesses(parts),
      ports,
      plan,
      group,
      dialFolder: inside.dialFolder,
      imageBytes: volume.kind === 'image' ? () => imageBytes(volume.data) : null,
      release,
    });
    if (volume.kind === 'folder') watchQuota(sandbox, spec.limits.diskBytes);
    return sandbox;
  } catch (error) {
    await release();
    if (error instanceof SandboxError) throw error;
    throw new SandboxError('boot_failed', `the sandbox could not be made: ${error}`, {
      cause: error,
    });
  }
}

/** As root: everything is shown in a private mount namespace, and processes get the volume's user. */
async function rootSources(
  { spec, volume, folder }: BootParts,
  inside: InsideFolder,
  entries: readonly ProtectedEntry[],
  forwarders: readonly Forwarder[],
  undo: (() => Promise<void>)[],
): Promise<{ sources: Sources; become: Launch['become'] }> {
  const stage = join(folder, 's');
  await mkdir(stage);
  if (volume.kind === 'image') await detached(volume.data);
  // Connecting needs the right to write; the folder of a socket is what keeps others away from it.
  for (const { socket } of forwarders) await chmod(socket, 0o666);
  const holder = await holdMounts({
    stage,
    user: volume.user,
    kind: volume.kind,
    data: volume.data,
    release: spec.release,
    binds: [
      { source: inside.path, name: 'karta' },
      ...spec.tools.map(({ source }, at) => ({ source, name: `tool-${at}` })),
      ...forwarders.map(({ socket, file }) => ({ source: socket, name: file })),
    ],
    guards: guarded(entries),
  });
  undo.push(async () => {
    await holder.close();
    if (volume.kind === 'image') await detached(volume.data);
  });
  const { view } = holder;
  return {
    become: { namespace: holder.namespace, user: volume.user },
    sources: {
      workspace: join(view, 'volume/workspace'),
      home: join(view, 'volume/home'),
      karta: join(view, 'karta'),
      guarded: guarded(entries).map(({ name }) => ({
        name,
        source: join(view, 'volume/guarded', name),
      })),
      tools: spec.tools.map(({ target }, at) => ({ target, source: join(view, `tool-${at}`) })),
      offers: forwarders.map(({ file }) => ({ file, source: join(view, file) })),
      hosts: hasHosts(spec),
      files: inside.files,
      temporaryBytes: spec.limits.memoryBytes * TEMPORARY_SHARE,
    },
  };
}

function plainSources(
  { spec, volume }: BootParts,
  inside: InsideFolder,
  entries: readonly ProtectedEntry[],
  forwarders: readonly Forwarder[],
): Sources {
  return {
    workspace: join(volume.data, 'workspace'),
    home: join(volume.data, 'home'),
    karta: inside.path,
    guarded: guarded(entries),
    tools: spec.tools,
    offers: forwarders.map(({ socket, file }) => ({ source: socket, file })),
    hosts: hasHosts(spec),
    files: inside.files,
    temporaryBytes: spec.limits.memoryBytes * TEMPORARY_SHARE,
  };
}

function hasHosts({ hosts = [] }: SandboxSpec): boolean {
  return hosts.length > 0;
}

function guarded(entries: readonly ProtectedEntry[]): { name: string; source: string }[] {
  return entries.flatMap(({ source }, at) => (source === null ? [] : [{ name: `${at}`, source }]));
}

/** Limits of single processes, for where the kernel counts no group. */
function resourceLimits({ spec, volume, machine }: BootParts): string[] {
  const { limits } = spec;
  const options: string[] = [];
  if (volume.kind === 'folder') options.push(`--fsize=${Math.floor(limits.diskBytes)}`);
  if (machine.groups === null) {
    const data = Math.floor(limits.memoryBytes) + RESERVED_BYTES;
    options.push(`--nproc=${limits.pids}`, `--data=${data}`);
  }
  return options;
}

function weaknesses({ volume, machine }: BootParts): string[] {
  const found: string[] = [];
  if (!machine.root) found.push('the sandbox shares the user of the platform');
  if (volume.kind === 'folder') found.push('the disk quota is watched, and enforced by ending');
  if (machine.groups === null) {
    found.push('memory is watched, and limited per process; the processor is not limited');
  }
  if (machine.filter === null) found.push('system calls are not filtered');
  return found;
}
