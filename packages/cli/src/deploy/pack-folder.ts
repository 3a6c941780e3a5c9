import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { type Entry, problemText, walkFolder } from '@karta/data-plane/releases';
import { LIMITS } from '@karta/protocol';
import { type Pack, pack } from 'tar-stream';
import { CliError } from '../cli-error.ts';
import { ignoreRules } from './ignore-rules.ts';

/** Level 6 takes longer than the upload that it shortens; text shrinks nearly as much with 4. */
const GZIP_LEVEL = 4;

/** A folder as it is uploaded. */
export interface PackedFolder {
  /** A gzipped tar archive. Can be sent more than once. */
  archive: Blob;
  files: number;
  bytes: number;
}

/**
 * Packs a folder in memory, without what {@link ignoreRules} and the guard leave out (`.git`). The
 * same content gives the same bytes. Throws `CliError` (`application`) that lists what cannot be
 * published, or says that it is empty or larger than a server takes.
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
  const files = entries.filter((entry) => entry.kind === 'file').length;
  if (files === 0) {
    throw new CliError(
      'application',
      `${root} holds nothing to publish`,
      'Claude Code needs CLAUDE.md or .claude/, OpenCode AGENTS.md or .opencode/.',
    );
  }
  const archive = await archiveOf(root, entries);
  return { archive, files, bytes: archive.size };
}

async function archiveOf(root: string, entries: readonly Entry[]): Promise<Blob> {
  const tar = pack();
  const gathered = pipeline(tar, createGzip({ level: GZIP_LEVEL }), gather);
  try {
    for (const entry of entries) await addEntry(tar, root, entry);
    tar.finalize();
  } catch (error) {
    tar.destroy();
    // Either broke off because of the other: what ended the gathering on purpose is the cause.
    throw await gathered.then(
      () => error,
      (cause: unknown) => (cause instanceof CliError ? cause : error),
    );
  }
  return new Blob(await gathered, { type: 'application/gzip' });
}

async function gather(archive: AsyncIterable<Buffer<ArrayBuffer>>): Promise<Buffer<ArrayBuffer>[]> {
  const pieces: Buffer<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const piece of archive) {
    bytes += piece.length;
    if (bytes > LIMITS.archiveBytes) throw tooLarge();
    pieces.push(piece);
  }
  return pieces;
}

function tooLarge(): CliError {
  return new CliError(
    'application',
    `The folder is larger than ${LIMITS.archiveBytes} bytes when packed`,
    'Leave out what the application does not need with a .kartaignore file.',
  );
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
