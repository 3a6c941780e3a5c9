import { createReadStream, createWriteStream, openAsBlob } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Entry, problemText, walkFolder } from '@karta/data-plane';
import { type Pack, pack } from 'tar-stream';
import { CliError } from '../cli-error.ts';
import { ignoreRules } from './ignore-rules.ts';

/** Level 6 takes longer than the upload that it shortens; text shrinks nearly as much with 4. */
const GZIP_LEVEL = 4;

/** A folder as it is uploaded. */
export interface PackedFolder extends AsyncDisposable {
  /** A gzipped tar archive. Can be sent more than once. */
  archive: Blob;
  files: number;
  bytes: number;
}

/**
 * Packs a folder into a temporary file, without what {@link ignoreRules} and the guard leave out
 * (`.git`). The same content gives the same bytes. Throws `CliError` (`application`) that lists
 * what cannot be published; disposing of the result removes the file.
 */
export async function packFolder(folder: string): Promise<PackedFolder> {
  const root = resolve(folder);
  await requireFolder(root);
  const { entries, problems } = await walkFolder(root, ignoreRules(root));
  if (problems.length > 0) {
    throw new CliError(
      'application',
      `${root} cannot be published`,
      'Correct what is listed, or leave it out with a .kartaignore file.',
      { details: problems.map(problemText) },
    );
  }
  const place = await mkdtemp(join(tmpdir(), 'karta-pack-'));
  const end = () => rm(place, { recursive: true, force: true });
  try {
    const path = join(place, 'folder.tar.gz');
    await writeArchive(root, entries, path);
    const files = entries.filter((entry) => entry.kind === 'file').length;
    const { size } = await stat(path);
    const archive = await openAsBlob(path, { type: 'application/gzip' });
    return { archive, files, bytes: size, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function writeArchive(root: string, entries: readonly Entry[], path: string): Promise<void> {
  const tar = pack();
  const written = pipeline(
    tar,
    createGzip({ level: GZIP_LEVEL }),
    createWriteStream(path, { mode: 0o600, flags: 'wx' }),
  );
  try {
    for (const entry of entries) await addEntry(tar, root, entry);
    tar.finalize();
  } catch (error) {
    tar.destroy();
    await written.catch(() => undefined); // It broke off because of `error`, which is thrown.
    throw error;
  }
  await written;
}

/** Without times and owners, so that only content makes a difference. */
const SAME = { mtime: new Date(0), uid: 0, gid: 0 };

async function addEntry(tar: Pack, root: string, entry: Entry): Promise<void> {
  if (entry.kind === 'directory') {
    await added((done) => tar.entry({ ...SAME, name: entry.path, type: 'directory' }, done));
    return;
  }
  if (entry.kind === 'link') {
    const header = { ...SAME, name: entry.path, type: 'symlink' as const, linkname: entry.target };
    await added((done) => tar.entry(header, done));
    return;
  }
  const mode = entry.executable ? 0o755 : 0o644;
  const header = { ...SAME, name: entry.path, size: entry.size, mode };
  const file = createReadStream(join(root, entry.path));
  const sink = tar.entry(header);
  await pipeline(file, sink).catch((cause: Error) => {
    throw new CliError(
      'application',
      `${entry.path} changed while it was read`,
      'Try again when nothing writes into the folder.',
      { cause },
    );
  });
}

function added(add: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    add((error) => (error ? reject(error) : resolve()));
  });
}

async function requireFolder(root: string): Promise<void> {
  const found = await stat(root).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return null;
  });
  if (found?.isDirectory() === true) return;
  throw new CliError(
    'application',
    found === null ? `${root} does not exist` : `${root} is not a folder`,
    'Name the folder of an application.',
  );
}
