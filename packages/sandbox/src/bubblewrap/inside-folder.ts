import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SandboxSpec } from '../port.ts';
import { HOME_INSIDE, WORKSPACE_INSIDE } from '../spec/check-spec.ts';
import { type Cover, USER_INSIDE } from './bwrap-arguments.ts';
import { type Forwarder, hostLines } from './forwarders.ts';
import { CONTROL_SCRIPT, KARTA_INSIDE, LAUNCH_SCRIPT, PREPARE_SCRIPT } from './inside-scripts.ts';
import type { ProtectedEntry } from './protected-tree.ts';

const ETC: Readonly<Record<string, string>> = {
  passwd:
    'root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n' +
    `agent:x:${USER_INSIDE}:${USER_INSIDE}:agent:${HOME_INSIDE}:/bin/sh\n` +
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: `root:x:0:\nagent:x:${USER_INSIDE}:\nnogroup:x:65534:\n`,
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n',
  // There is no IPv6 route: names with both kinds of address answer the other first.
  'gai.conf': 'precedence ::ffff:0:0/96 100\n',
};

const LOOPBACK_HOSTS = '127.0.0.1 localhost karta\n::1 localhost\n';

/** The platform's own folder of one sandbox, seen at `/run/karta`, and what is mounted from it. */
export interface InsideFolder {
  path: string;
  /** Where the host makes sockets for `dial`. */
  dialFolder: string;
  /** Files outside `/home`. */
  files: readonly { name: string; target: string }[];
  /** Mounts over trees that sandboxed code can write. */
  covers: readonly Cover[];
  remove(): Promise<void>;
}

/** Writes the folder. It holds no secret: everything in it is read by sandboxed code. */
export async function makeInsideFolder(
  path: string,
  spec: SandboxSpec,
  entries: readonly ProtectedEntry[],
  forwarders: readonly Forwarder[],
): Promise<InsideFolder> {
  const dialFolder = join(path, 'dial');
  // Modes are given by hand, as the platform's umask may be strict and the user inside is another.
  for (const folder of ['', 'etc', 'files', 'dial', 'offer', 'empty', 'protected']) {
    await mkdir(join(path, folder), { recursive: true });
    await chmod(join(path, folder), 0o755);
  }
  const put = async (name: string, content: string) => {
    await writeFile(join(path, name), content);
    await chmod(join(path, name), 0o644);
  };
  for (const [name, content] of Object.entries(ETC)) await put(join('etc', name), content);
  await put(join('etc', 'hosts'), `${LOOPBACK_HOSTS}${hostLines(spec)}`);
  await put('prepare', PREPARE_SCRIPT);
  await put('launch', LAUNCH_SCRIPT);
  await put('control', CONTROL_SCRIPT);
  for (const { file } of forwarders) await put(join('offer', file), '');

  const lines: string[] = [];
  const covers: Cover[] = [];
  for (const [index, { path: name, kind }] of entries.entries()) {
    const target = join(WORKSPACE_INSIDE, name);
    lines.push(`${kind === 'empty' ? 'directory' : kind}\t${target}\n`);
    if (kind === 'empty') covers.push({ source: join(KARTA_INSIDE, 'empty'), target });
    else if (kind !== 'absent') {
      const place = join('protected', String(index));
      if (kind === 'file') await put(place, '');
      else await mkdir(join(path, place));
      covers.push({ source: join(KARTA_INSIDE, place), target });
    }
  }
  const files: { name: string; target: string }[] = [];
  for (const [index, { target, content }] of spec.files.entries()) {
    const name = String(index);
    await put(join('files', name), content);
    if (target.startsWith(`${HOME_INSIDE}/`)) {
      lines.push(`file\t${target}\n`);
      covers.push({ source: join(KARTA_INSIDE, 'files', name), target });
    } else files.push({ name, target });
  }
  await put('paths', lines.join(''));
  return {
    path,
    dialFolder,
    files,
    covers,
    remove: () => rm(path, { recursive: true, force: true }),
  };
}
