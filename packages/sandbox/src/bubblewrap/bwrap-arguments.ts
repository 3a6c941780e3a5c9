import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { SandboxCommand } from '../port.ts';
import { HOME_INSIDE, WORKSPACE_INSIDE } from '../spec/check-spec.ts';
import { FILTER_FD, KARTA_INSIDE } from './inside-scripts.ts';

/** The user and group inside, whoever it is outside. */
export const USER_INSIDE = 1000;
/** Folders of the system that are links into `/usr` on today's machines, and folders on older ones. */
const SYSTEM_FOLDERS = ['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];
/** Of the host's `/etc`, nothing but what programs need to start and to check certificates. */
const SYSTEM_FILES = [
  '/etc/ld.so.cache',
  '/etc/alternatives',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/pki/tls/certs',
  '/etc/ca-certificates.conf',
  '/etc/localtime',
  '/etc/mime.types',
  '/etc/protocols',
  '/etc/services',
];

/**
 * The kernel lets only the administrator of the network's own user namespace open low ports to all.
 * `bwrap` stays in that namespace as user 0 only; leaving it again for the user inside takes
 * CAP_SETFCAP. Our preparation alone runs so: the inner `bwrap` drops both.
 */
const PORT_OPENING = [
  ...identity(0),
  ...['--cap-add', 'CAP_NET_ADMIN', '--cap-add', 'CAP_SETFCAP'],
];

function identity(user: number): string[] {
  return ['--uid', String(user), '--gid', String(user)];
}

/** Where the parts of a sandbox are, as the process that starts `bwrap` sees them. */
export interface Sources {
  workspace: string;
  home: string;
  /** The platform's own folder, seen at `/run/karta`. */
  karta: string;
  /** Files and folders of the release by their name below `/run/karta/protected`. */
  guarded: readonly { name: string; source: string }[];
  tools: readonly { source: string; target: string }[];
  /** Host sockets by their file name below `/run/karta/offer`. */
  offers: readonly { source: string; file: string }[];
  /** Whether forwarders for hosts must listen on ports below 1024. */
  hosts: boolean;
  /** Files of the spec outside `/home`, by their name below `/run/karta/files`. */
  files: readonly { name: string; target: string }[];
  /** Bounds `/tmp` and `/dev/shm`, which are memory. */
  temporaryBytes: number;
}

/** The outer `bwrap`: own everything, no network, the sandbox's file system, nothing protected yet. */
export function outerArguments(sources: Sources): string[] {
  const temporary = ['--size', String(Math.floor(sources.temporaryBytes))];
  return [
    ...['--unshare-user', '--unshare-pid', '--unshare-net', '--unshare-ipc', '--unshare-uts'],
    ...['--unshare-cgroup-try', '--die-with-parent', '--new-session', '--cap-drop', 'ALL'],
    ...(sources.hosts ? PORT_OPENING : identity(USER_INSIDE)),
    ...['--hostname', 'karta'],
    '--clearenv',
    ...['--ro-bind', '/usr', '/usr'],
    ...systemFolders(),
    ...SYSTEM_FILES.flatMap((file) => ['--ro-bind-try', file, file]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...[...temporary, '--perms', '1777', '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
    ...[...temporary, '--perms', '1777', '--tmpfs', '/tmp'],
    ...['--ro-bind', sources.karta, KARTA_INSIDE],
    ...sources.guarded.flatMap(({ name, source }) => [
      ...['--ro-bind', source, join(KARTA_INSIDE, 'protected', name)],
    ]),
    ...sources.offers.flatMap(({ source, file }) => [
      ...['--ro-bind', source, join(KARTA_INSIDE, 'offer', file)],
    ]),
    ...['passwd', 'group', 'hosts', 'nsswitch.conf', 'gai.conf'].flatMap((name) => [
      ...['--ro-bind', join(sources.karta, 'etc', name), join('/etc', name)],
    ]),
    ...['--perms', '0755', '--dir', dirname(HOME_INSIDE)],
    ...['--bind', sources.workspace, WORKSPACE_INSIDE, '--bind', sources.home, HOME_INSIDE],
    ...sources.tools.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...sources.files.flatMap(({ name, target }) => [
      ...['--ro-bind', join(sources.karta, 'files', name), target],
    ]),
    ...['--remount-ro', '/', '--chdir', '/'],
  ];
}

/** A mount over something that sandboxed code can write. */
export interface Cover {
  /** Below `/run/karta`. */
  source: string;
  target: string;
}

/**
 * The inner `bwrap`, started where the host is no longer visible: it covers the protected paths,
 * shuts the door to further namespaces, loads the system-call filter and sets the environment.
 */
export function innerArguments(
  command: SandboxCommand,
  covers: readonly Cover[],
  filtered: boolean,
): string[] {
  return [
    ...['--unshare-user', '--disable-userns', '--die-with-parent', '--cap-drop', 'ALL'],
    ...identity(USER_INSIDE),
    ...['--bind', '/', '/', '--dev-bind', '/dev', '/dev'],
    ...covers.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...(filtered ? ['--seccomp', String(FILTER_FD)] : []),
    '--clearenv',
    ...Object.entries(command.env).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--chdir', command.cwd ?? WORKSPACE_INSIDE],
  ];
}

/** What `bwrap --args` reads. */
export function nulSeparated(options: readonly string[]): string {
  return options.map((option) => `${option}\0`).join('');
}

/** The folders of programs and libraries beside `/usr`, as this machine has them. */
export function systemFolders(): string[] {
  return SYSTEM_FOLDERS.flatMap(systemFolder);
}

function systemFolder(folder: string): string[] {
  if (!existsSync(folder)) return [];
  if (lstatSync(folder).isSymbolicLink()) return ['--symlink', readlinkSync(folder), folder];
  return ['--ro-bind', folder, folder];
}
