import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { closeStreams, exitOf, type PipedChild } from '../child/child-process.ts';
import { readingOnDemand } from '../child/reading-on-demand.ts';
import {
  type Sandbox,
  type SandboxCommand,
  SandboxError,
  type SandboxProcess,
  type SandboxSpec,
  type SandboxStats,
} from '../port.ts';
import { checkCommand } from '../spec/check-spec.ts';
import { folderBytes, groupUsage } from '../usage/process-usage.ts';
import type { LoopbackOffer } from './loopback-offer.ts';
import { type Places, place } from './places.ts';
import { restoreProtected } from './protect.ts';

const WEAKNESSES = [
  'no isolation: the agent runs as the user of the platform, with its files and its network',
  'allowed hosts are not enforced: every host that this machine reaches is reached',
  'no limits on memory, processes, processor or disk',
  'protected files can be changed until the next process starts',
  'a process that makes itself a session of its own outlives the sandbox',
];

export interface ProcessSandboxParts {
  spec: SandboxSpec;
  places: Places;
  offers: ReadonlyMap<string, LoopbackOffer>;
  /** Port by listen name. */
  ports: ReadonlyMap<string, number>;
  /** Removed at dispose. */
  scratch: string;
  disposed: () => void;
}

/** Plain processes of the platform's own user, each in a process group of its own. */
export function processSandbox(parts: ProcessSandboxParts): Sandbox {
  const { spec, places } = parts;
  const children = new Set<PipedChild>();
  let ending: Promise<void> | null = null;

  return {
    id: spec.id,
    volumeId: spec.volumeId,
    isolation: 'none',
    weaknesses: WEAKNESSES,
    protectedPaths: spec.protectedPaths.map(({ path }) => path),
    loopback: (name) => portOf(parts, name),
    place: (inside) => place(places, inside),
    spawn: start,
    dial(name) {
      if (ending !== null) return Promise.reject(disposedError());
      const port = parts.ports.get(name);
      if (port === undefined) return Promise.reject(unknown(name));
      return connect(port);
    },
    stats,
    // No limit holds here, so none is ever violated.
    onViolation: () => {},
    dispose() {
      ending ??= end();
      return ending;
    },
  };

  function start(command: SandboxCommand): SandboxProcess {
    if (ending !== null) throw disposedError();
    checkCommand(spec, command);
    restoreProtected(spec.release, places.workspace, spec.protectedPaths);
    const [program, ...args] = command.argv;
    const child: PipedChild = readingOnDemand(() =>
      spawn(place(places, program), args, {
        cwd: place(places, command.cwd ?? '/workspace'),
        env: command.env,
        stdio: ['pipe', 'pipe', 'pipe'],
        detached: true,
      }),
    );
    children.add(child);
    const exited = exitOf(child);
    // As with namespaces, nothing that a process started outlives it.
    child.once('exit', () => signalGroup(child, 'SIGKILL'));
    void exited.then(() => children.delete(child));
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      stderr: child.stderr,
      exited,
      kill: (signal = 'SIGTERM') => {
        if (child.exitCode === null && child.signalCode === null) signalGroup(child, signal);
      },
    };
  }

  async function stats(): Promise<SandboxStats> {
    const groups = new Set([...children].flatMap((child) => child.pid ?? []));
    const [usage, workspace, home] = await Promise.all([
      groupUsage(groups),
      folderBytes(places.workspace),
      folderBytes(places.home),
    ]);
    return { ...usage, diskBytes: workspace + home };
  }

  async function end(): Promise<void> {
    const gone = [...children].map((child) => {
      const exit = exitOf(child);
      signalGroup(child, 'SIGKILL');
      closeStreams(child);
      return child.exitCode === null && child.signalCode === null ? exit : undefined;
    });
    await Promise.all(gone);
    await Promise.all([...parts.offers.values()].map((offer) => offer.close()));
    await rm(parts.scratch, { recursive: true, force: true });
    parts.disposed();
  }
}

function portOf(parts: ProcessSandboxParts, name: string): number {
  const port = parts.offers.get(name)?.port ?? parts.ports.get(name);
  if (port === undefined) throw unknown(name);
  return port;
}

function connect(port: number): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port, noDelay: true });
    socket.once('connect', () => {
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.once('error', (cause) => {
      reject(new SandboxError('refused', `nothing answers on port ${port}`, { cause }));
    });
  });
}

function signalGroup(child: PipedChild, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // ESRCH: the whole group has ended already, which is what the caller wants.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function unknown(name: string): SandboxError {
  return new SandboxError('invalid_spec', `the sandbox has no port named ${name}`);
}

function disposedError(): SandboxError {
  return new SandboxError('disposed', 'the sandbox has been disposed of');
}
