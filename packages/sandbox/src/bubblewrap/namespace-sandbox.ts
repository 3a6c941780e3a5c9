import { constants } from 'node:os';
import { closeStreams, type Exit, exitOf } from '../child/child-process.ts';
import {
  type Sandbox,
  type SandboxCommand,
  SandboxError,
  type SandboxProcess,
  type SandboxSpec,
  type SandboxStats,
  type Violation,
} from '../port.ts';
import { checkCommand } from '../spec/check-spec.ts';
import { treeUsage } from '../usage/process-usage.ts';
import type { ControlGroup } from './cgroup/control-groups.ts';
import { killProcess } from './cgroup/group-folder.ts';
import { type Dialer, dialer } from './dial.ts';
import { type Launch, type Launched, launch } from './launcher.ts';
import { alive, identify } from './process-identity.ts';

/** How long the kernel may take to clear a sandbox without control groups. */
const GONE_TIMEOUT_MS = 15_000;
const GONE_POLL_MS = 4;
const MEMORY_INTERVAL_MS = 1_000;

export interface NamespaceSandboxParts {
  spec: SandboxSpec;
  weaknesses: readonly string[];
  /** Port by the name of an offer or a listen. */
  ports: ReadonlyMap<string, number>;
  plan: Launch;
  group: ControlGroup | null;
  dialFolder: string;
  /** Bytes of the volume on the host, `null` when only processes inside can count them. */
  imageBytes: (() => Promise<number>) | null;
  /** Frees all that is not a process; called once, when none is left. */
  release(): Promise<void>;
}

/** The platform's side of a sandbox, with the door through which a watcher reports. */
export type NamespaceSandbox = Sandbox & {
  violate(violation: Violation): void;
  /** Told by whoever counts the volume from inside. */
  diskBytes: number;
};

interface Live {
  launched: Launched;
  dialer: Dialer;
  listens: readonly string[];
  exited: Promise<Exit>;
}

/** Each process in namespaces of its own, over one volume, one user and one control group. */
export function namespaceSandbox(parts: NamespaceSandboxParts): NamespaceSandbox {
  const { spec, group } = parts;
  const live = new Set<Live>();
  const listeners: ((violation: Violation) => void)[] = [];
  let violation: Violation | null = null;
  let ending: Promise<void> | null = null;
  let serial = 0;
  let memoryKills = 0;
  const watch = group === null ? setInterval(watchMemory, MEMORY_INTERVAL_MS).unref() : null;

  const sandbox: NamespaceSandbox = {
    id: spec.id,
    volumeId: spec.volumeId,
    isolation: 'namespace',
    weaknesses: parts.weaknesses,
    protectedPaths: spec.protectedPaths.map(({ path }) => path),
    diskBytes: 0,
    loopback: portOf,
    place: (inside) => inside,
    spawn: start,
    async dial(name) {
      if (ending !== null) throw disposedError();
      const port = portOf(name);
      const server = [...live].reverse().find((process) => process.listens.includes(name));
      if (server === undefined) throw new SandboxError('refused', `no process serves ${name}`);
      return server.dialer.dial(port);
    },
    stats,
    onViolation(listener) {
      listeners.push(listener);
      if (violation !== null) listener(violation);
    },
    violate,
    dispose() {
      ending ??= end();
      return ending;
    },
  };
  return sandbox;

  function portOf(name: string): number {
    const port = parts.ports.get(name);
    if (port === undefined) {
      throw new SandboxError('invalid_spec', `the sandbox has no port named ${name}`);
    }
    return port;
  }

  function start(command: SandboxCommand): SandboxProcess {
    if (ending !== null) throw disposedError();
    checkCommand(spec, command);
    const { offers, hosts = true } = command;
    const forwarders = parts.plan.forwarders.filter(({ offer }) =>
      offer === null ? hosts : (offers?.includes(offer) ?? true),
    );
    const launched = launch({ ...parts.plan, forwarders }, command);
    const { child } = launched;
    const process: Live = {
      launched,
      dialer: dialer(launched.control, parts.dialFolder, String(++serial)),
      listens: command.listens ?? [],
      exited: exitOf(child).then(settle),
    };
    child.once('exit', () => process.dialer.close());
    live.add(process);
    void process.exited.then(() => live.delete(process));
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exited: process.exited,
      kill(signal = 'SIGTERM') {
        if (signal === 'SIGKILL') child.kill('SIGKILL');
        else process.dialer.signal(signal.slice(3));
      },
    };
  }

  async function firstProcesses(): Promise<Set<number>> {
    const pids = await Promise.all([...live].map((process) => process.launched.first));
    return new Set(pids.filter((pid) => pid !== null));
  }

  /** Where no control group limits memory, what the processes hold is looked at now and then. */
  async function watchMemory(): Promise<void> {
    if (live.size === 0 || ending !== null) return;
    const { memoryBytes } = await treeUsage(await firstProcesses());
    if (memoryBytes > spec.limits.memoryBytes) {
      violate({ limit: 'memory', message: 'the sandbox has used up its memory' });
    }
  }

  /** Reads the exit as a shell would: `bwrap` tells a death by signal as 128 and its number. */
  async function settle(exit: Exit): Promise<Exit> {
    const signal = exit.signal ?? signalName((exit.code ?? 0) - 128);
    if (signal === 'SIGKILL' && group !== null && ending === null) {
      const kills = await group.memoryKills();
      if (kills > memoryKills) {
        memoryKills = kills;
        violate({ limit: 'memory', message: 'the sandbox has used up its memory' });
      }
    }
    return signal === null ? exit : { code: null, signal };
  }

  function violate(found: Violation): void {
    if (violation !== null || ending !== null) return;
    violation = found;
    for (const process of live) process.launched.child.kill('SIGKILL');
    for (const listener of listeners) listener(found);
  }

  async function stats(): Promise<SandboxStats> {
    if (ending !== null) throw disposedError();
    const usage = group === null ? await treeUsage(await firstProcesses()) : await group.usage();
    return { ...usage, diskBytes: (await parts.imageBytes?.()) ?? sandbox.diskBytes };
  }

  async function end(): Promise<void> {
    if (watch !== null) clearInterval(watch);
    const processes = [...live];
    for (const { launched, dialer } of processes) {
      dialer.close();
      if (group !== null) launched.child.kill('SIGKILL');
      closeStreams(launched.child);
    }
    // A launch that is killed as it begins may leave a child, which keeps its streams open.
    const ended =
      group === null ? processes.map((process) => endAlone(process.launched)) : [group.destroy()];
    await Promise.all([...processes.map((process) => process.exited), ...ended]);
    await parts.release();
  }
}

/**
 * Ends a launch that no control group holds. Its first process is known before it is killed, and has
 * left after it, with which the kernel has ended all others.
 */
async function endAlone({ child, first }: Launched): Promise<void> {
  const pid = await first;
  const identity = pid === null ? null : identify(pid);
  // While the launch lives, nobody else can have its child's id.
  const lives = child.exitCode === null && child.signalCode === null;
  child.kill('SIGKILL');
  const end = Date.now() + GONE_TIMEOUT_MS;
  while (identity !== null && alive(identity)) {
    if (lives) killProcess(identity.pid);
    if (Date.now() > end) throw new Error(`process ${identity.pid} of a sandbox does not end`);
    await new Promise((resolve) => setTimeout(resolve, GONE_POLL_MS));
  }
}

function signalName(number: number): string | null {
  const entry = Object.entries(constants.signals).find(([, value]) => value === number);
  return entry?.[0] ?? null;
}

function disposedError(): SandboxError {
  return new SandboxError('disposed', 'the sandbox has been disposed of');
}
