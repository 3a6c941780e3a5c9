import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Duplex, Readable } from 'node:stream';
import type { PipedChild } from '../child/child-process.ts';
import { readingOnDemand } from '../child/reading-on-demand.ts';
import type { SandboxCommand } from '../port.ts';
import { type Cover, innerArguments, nulSeparated } from './bwrap-arguments.ts';
import { type Forwarder, forwarderArgument } from './forwarders.ts';
import { inheritedDescriptors } from './inherited-descriptors.ts';
import { CONTROL_FD, INNER_ARGUMENTS_FD, KARTA_INSIDE } from './inside-scripts.ts';
import { program } from './programs.ts';

const OUTER_ARGUMENTS_FD = 3;
const INFO_FD = 7;

/** Variables that shells make by themselves. */
const SHELL_VARIABLES = ['PWD', 'OLDPWD', 'SHLVL', '_'];
/** Joins the control groups as the very process that becomes `bwrap`, so that nothing is outside. */
const JOIN_SCRIPT =
  'while [ "$1" != -- ]; do echo $$ > "$1" || exit 125; shift; done; shift; exec "$@"';

type Stdio = 'pipe' | 'ignore' | number;
/** Looked for once: they are there from the start or never. */
let inherited: number[] | null = null;

/** All that is the same for every process of a sandbox. */
export interface Launch {
  outer: readonly string[];
  covers: readonly Cover[];
  /** File with the system-call filter; `null`: none for this processor. */
  filter: string | null;
  forwarders: readonly Forwarder[];
  /** Whether some forwarder of the sandbox is for a host of the network. */
  hosts: boolean;
  /** `cgroup.procs` files. */
  join: readonly string[];
  /** Namespace with the mounts and the user to become, as root. */
  become: { namespace: string; user: number } | null;
  /** Options of `prlimit`, where no control group holds. */
  limits: readonly string[];
}

export interface Launched {
  child: PipedChild;
  control: Duplex;
  /** Host id of the first process of the sandbox, `null` when it never came to that. */
  first: Promise<number | null>;
}

/** Starts a command in a sandbox of namespaces. Nothing secret is in any argument list. */
export function launch(plan: Launch, command: SandboxCommand): Launched {
  const argv = [
    ...(plan.join.length > 0
      ? [program('sh'), '-c', JOIN_SCRIPT, 'karta', ...plan.join, '--']
      : []),
    ...(plan.become === null ? [] : becoming(plan.become)),
    ...[program('bwrap'), '--args', String(OUTER_ARGUMENTS_FD), '--'],
    ...['/bin/sh', `${KARTA_INSIDE}/prepare`],
    ...[plan.hosts ? 'hosts' : '-'],
    ...[plan.forwarders.map(forwarderArgument).join(','), plan.limits.join(' '), dropped(command)],
    ...command.argv,
  ];
  const nothing = openSync('/dev/null', 'r');
  const filter = plan.filter === null ? null : openSync(plan.filter, 'r');
  try {
    const six: Stdio[] = ['pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'];
    const child = readingOnDemand(() =>
      spawn(argv[0] as string, argv.slice(1), {
        env: {},
        cwd: '/',
        stdio: covering([...six, filter ?? nothing, 'pipe'], nothing),
        // Signals of the platform's terminal are the platform's to handle.
        detached: true,
      }),
    ) as PipedChild;
    const stream = (fd: number) => child.stdio[fd] as Duplex;
    feed(stream(OUTER_ARGUMENTS_FD), [...plan.outer, '--info-fd', String(INFO_FD)]);
    feed(stream(INNER_ARGUMENTS_FD), innerArguments(command, plan.covers, filter !== null));
    return { child, control: stream(CONTROL_FD), first: firstProcess(stream(INFO_FD)) };
  } finally {
    closeSync(nothing);
    if (filter !== null) closeSync(filter);
  }
}

/** Puts an empty file over each descriptor that the child would inherit besides. */
function covering(stdio: Stdio[], nothing: number): Stdio[] {
  inherited ??= inheritedDescriptors();
  const all: Stdio[] = [...stdio];
  for (const descriptor of inherited) {
    if (descriptor < stdio.length) continue;
    while (all.length < descriptor) all.push('ignore');
    all[descriptor] = nothing;
  }
  return all;
}

function becoming({ namespace, user }: { namespace: string; user: number }): string[] {
  return [
    ...[program('nsenter'), `--mount=${namespace}`, '--', program('setpriv')],
    ...[
      '--reuid',
      String(user),
      '--regid',
      String(user),
      '--clear-groups',
      '--inh-caps=-all',
      '--',
    ],
  ];
}

function dropped(command: SandboxCommand): string {
  return SHELL_VARIABLES.filter((name) => !(name in command.env))
    .map((name) => `-u ${name}`)
    .join(' ');
}

function feed(stream: Duplex, options: readonly string[]): void {
  // A launch that failed early has closed its end; its exit code tells.
  stream.on('error', () => stream.destroy());
  stream.resume();
  stream.end(nulSeparated(options));
}

/** `bwrap` writes one small JSON document there. */
function firstProcess(stream: Readable): Promise<number | null> {
  let text = '';
  return new Promise((resolve) => {
    stream.on('error', () => resolve(null));
    stream.on('data', (chunk) => {
      text = `${text}${chunk}`.slice(0, 1000);
      const pid = /"child-pid":\s*(\d+)\D/.exec(text)?.[1];
      if (pid !== undefined) resolve(Number(pid));
    });
    stream.on('close', () => resolve(null));
  });
}
