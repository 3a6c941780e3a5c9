import { chmod, chown, lstat, mkdir, rm, unlink } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { ConfigurationError } from '@karta/service';
import { channelsDir, PASSAGE_MODE, socketPathBytes } from '../channels/registry.ts';
import type { DoorsConfig } from '../config.ts';
import { SOCKET_PATH_BYTES } from '../limits.ts';

const PRIVATE_DIR_MODE = 0o700;
/** No bit for anybody else, from the moment the socket exists. */
const PRIVATE_UMASK = 0o177;

/**
 * Makes the folders for sockets and removes what an earlier process left. `owner` is the user that
 * the doors will run as: with it, this must still be root.
 */
export async function prepareFolders(config: DoorsConfig, owner: number | null): Promise<void> {
  const { runtime_dir: runtime, management_socket: management } = config;
  for (const bytes of [socketPathBytes(runtime), Buffer.byteLength(management)]) {
    if (bytes <= SOCKET_PATH_BYTES) continue;
    throw new ConfigurationError(
      `a socket path would have ${bytes} bytes, the system allows ${SOCKET_PATH_BYTES}: choose a shorter runtime_dir`,
    );
  }
  await removeStale(management);
  const channels = channelsDir(runtime);
  await mkdir(runtime, { recursive: true });
  await refuseForeign(runtime, owner);
  // Sandboxes connect as other users: they must be able to pass through, not to look.
  await chmod(runtime, PASSAGE_MODE);
  await rm(channels, { recursive: true, force: true });
  await mkdir(channels);
  await chmod(channels, PASSAGE_MODE);
  if (owner !== null) await chown(channels, owner, owner);
  const made = await mkdir(dirname(management), { recursive: true, mode: PRIVATE_DIR_MODE });
  if (made !== undefined && owner !== null) await chown(dirname(management), owner, owner);
}

/** Listens on a socket that only `owner` (or this user) can connect to. */
export async function listenPrivately(
  server: Server,
  path: string,
  owner: number | null,
): Promise<void> {
  const before = process.umask(PRIVATE_UMASK);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } finally {
    process.umask(before);
  }
  if (owner !== null) await chown(path, owner, owner);
}

/**
 * The runtime folder may lie where everybody can write: one that somebody else made, or a link to
 * another place, is not used.
 */
async function refuseForeign(dir: string, owner: number | null): Promise<void> {
  const found = await lstat(dir);
  const ours = found.uid === process.getuid?.() || found.uid === owner;
  if (found.isDirectory() && ours) return;
  throw new ConfigurationError(`${dir} is not a folder of this user`);
}

/** Removes a socket that nobody serves any more; one that is served is somebody else's. */
async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return;
  if (!found.isSocket()) throw new ConfigurationError(`${path} exists and is no socket`);
  if (await answers(path)) throw new ConfigurationError(`other doors already serve ${path}`);
  await unlink(path);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
