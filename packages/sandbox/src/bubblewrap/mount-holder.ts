import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { SandboxError } from '../port.ts';
import { program } from './programs.ts';

/**
 * Runs as root in a mount namespace of its own, in which it shows the parts of one sandbox at a
 * place that the sandbox's user can reach; nothing of it is mounted where others see it, and all
 * goes when the last process in it does. It ends when its input closes, which is also when the
 * platform dies.
 *
 * Arguments: stage, view, user, `image` or `folder`, data, release; then `bind SOURCE NAME` and
 * `guard SOURCE NAME`. A guarded thing is copied into the volume where only root writes, as the
 * release itself need not be readable by the sandbox's user.
 */
const HOLDER_SCRIPT = `set -eu
stage=$1 view=$2 user=$3 kind=$4 data=$5 release=$6
shift 6
mount -t tmpfs -o mode=0711,size=4m,nosuid,nodev karta "$stage"
mkdir -m 0711 "$stage/volume"
if [ "$kind" = image ]; then mount -t ext4 -o loop,nosuid,nodev,noatime,discard "$data" "$stage/volume"
else mount --bind "$data" "$stage/volume"; mount -o remount,bind,nosuid,nodev "$stage/volume"; fi
cd "$stage/volume"
chmod 0711 .
if [ ! -d workspace ]; then
  rm -rf unfinished home
  mkdir unfinished
  cp -a --reflink=auto -- "$release/." unfinished/ || { echo disk_full; exit 3; }
  chmod -R u+rwX unfinished
  chown -R -h "$user:$user" unfinished
  mkdir -m 0700 home
  chown "$user:$user" home
  mv unfinished workspace
fi
rm -rf guarded
mkdir -m 0755 guarded
while [ $# -gt 0 ]; do
  case $1 in
    bind)
      if [ -d "$2" ]; then mkdir "$stage/$3"; else : > "$stage/$3"; fi
      mount --bind "$2" "$stage/$3" ;;
    guard)
      cp -a --reflink=auto -- "$2" "guarded/$3" || { echo disk_full; exit 3; }
      chmod -R a+rX,go-w "guarded/$3" ;;
  esac
  shift 3
done
cd /
mount --rbind "$stage" "$view"
echo ready
read -r _ || :
umount -R -l "$view"
umount -R -l "$stage"
`;

/** Exists everywhere, and is rarely in use; only the holder's own namespace sees the mount on it. */
const VIEWS = ['/mnt', '/media', '/srv', '/opt'];

export interface HolderPlan {
  /** An empty folder of root's. */
  stage: string;
  user: number;
  kind: 'image' | 'folder';
  data: string;
  release: string;
  binds: readonly { source: string; name: string }[];
  guards: readonly { source: string; name: string }[];
}

export interface MountHolder {
  /** Where the sandbox's parts are for processes in the namespace. */
  readonly view: string;
  /** Path of the namespace, for `nsenter`. */
  readonly namespace: string;
  /** Unmounts. To be called when no process is left in the namespace. */
  close(): Promise<void>;
}

/** Starts a holder. Throws `SandboxError` (`boot_failed`, `disk_full`). */
export async function holdMounts(plan: HolderPlan): Promise<MountHolder> {
  const view = VIEWS.find((folder) => existsSync(folder));
  if (view === undefined) throw new SandboxError('unsupported', `no folder of ${VIEWS.join(', ')}`);
  const child = spawn(
    program('unshare'),
    [
      ...['--mount', '--propagation', 'private', '--', program('sh'), '-c', HOLDER_SCRIPT, 'karta'],
      ...[plan.stage, view, String(plan.user), plan.kind, plan.data, plan.release],
      ...plan.binds.flatMap(({ source, name }) => ['bind', source, name]),
      ...plan.guards.flatMap(({ source, name }) => ['guard', source, name]),
    ],
    {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' },
      stdio: ['pipe', 'pipe', 'pipe'],
      // Its own group: a Ctrl-C at the platform's terminal must not unmount under a live sandbox.
      detached: true,
    },
  );
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  child.stdin.on('error', () => child.stdin.destroy());
  const close = async () => {
    child.stdin.end();
    await ended;
  };
  const failure = await firstLine(child);
  if (failure !== null) {
    await close();
    throw failure;
  }
  return { view, namespace: `/proc/${child.pid}/ns/mnt`, close };
}

/** Resolves to `null` when the holder is ready, else to why it is not. */
function firstLine(child: ChildProcess): Promise<SandboxError | null> {
  let output = '';
  let errors = '';
  return new Promise((resolve) => {
    child.stderr?.on('data', (chunk) => {
      errors = `${errors}${chunk}`.slice(0, 2000);
    });
    child.stdout?.on('data', (chunk) => {
      output = `${output}${chunk}`.slice(0, 200);
      if (output.includes('ready\n')) resolve(null);
    });
    child.once('error', (cause) =>
      resolve(new SandboxError('boot_failed', 'mounts cannot be made', { cause })),
    );
    child.once('close', () => {
      const full = output.includes('disk_full') && errors.includes('No space left');
      const reason = errors.trim().split('\n').slice(-3).join('; ');
      resolve(new SandboxError(full ? 'disk_full' : 'boot_failed', `mounts failed: ${reason}`));
    });
  });
}
