import { once } from 'node:events';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join, posix } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, type Headers } from 'tar-stream';
import { EXCLUDED_NAMES, RELEASE_LIMITS } from '../../releases/limits.ts';
import { memberPathFault, printable } from '../../releases/member-path.ts';
import { BuildRefused, refusal } from './build-refused.ts';

/** Headers and padding take at most this much beside the files, in bytes a member. */
const HEADER_BYTES = 4096;
/** What an archive may unpack to: a bomb is given up at once. */
const MAX_TAR_BYTES = RELEASE_LIMITS.totalBytes + RELEASE_LIMITS.members * HEADER_BYTES;

/** Of {@link RELEASE_LIMITS}, those that count here. */
export type UnpackLimits = Readonly<Record<'members' | 'fileBytes' | 'totalBytes', number>>;

type Unpacked = 'directory' | 'file' | 'link';

/**
 * Unpacks a tar archive, gzipped or not, into the empty folder `to`. Throws `BuildRefused` for
 * whatever an application has no use for: paths and links that leave the folder, devices, a name
 * twice, more than {@link RELEASE_LIMITS}, an end too early.
 */
export async function unpackArchive(
  archive: Readable,
  to: string,
  limits: UnpackLimits = RELEASE_LIMITS,
): Promise<void> {
  const unpacking = new Unpacking(to, limits);
  const tar = extract();
  const reading = (async () => {
    for await (const entry of tar) {
      await unpacking.add(entry.header, entry);
      entry.resume();
    }
  })();
  try {
    await Promise.all([pipeline(await decompressed(archive), bounded(), tar), reading]);
  } catch (error) {
    // It waits for a member that will not come any more.
    reading.catch(() => undefined);
    throw BuildRefused.is(error) ? error : asRefusal(error);
  }
  unpacking.finish();
}

/**
 * The members so far, and what may still come. It blocks: this program has nothing else to do, and
 * fifty thousand small files are written twice as fast.
 */
class Unpacking {
  readonly #to: string;
  readonly #limits: UnpackLimits;
  readonly #members = new Map<string, Unpacked>();
  /** Folders that a member lies in, before the archive itself names them. */
  readonly #implied = new Set<string>();
  readonly #links: { path: string; target: string }[] = [];
  #totalBytes = 0;

  constructor(to: string, limits: UnpackLimits) {
    this.#to = to;
    this.#limits = limits;
  }

  async add(header: Headers, content: AsyncIterable<Buffer>): Promise<void> {
    const path = memberPath(header);
    if (path === '' || path.split('/').some((part) => EXCLUDED_NAMES.has(part))) return;
    const fault = path.includes('\uFFFD') ? 'has a name that is not UTF-8' : memberPathFault(path);
    if (fault !== null) throw refusal(printable(path), fault);
    if (this.#members.has(path) && !this.#isImplied(path, header)) {
      throw refusal(printable(path), 'is in the archive twice');
    }
    this.#makeParents(path);
    this.#implied.delete(path);
    switch (header.type) {
      case 'directory':
        this.#makeFolder(path);
        return;
      case 'file':
      case 'contiguous-file':
        this.#count(path, 'file', header.size ?? 0);
        await writeFileFrom(content, join(this.#to, path), (header.mode ?? 0) & 0o111);
        return;
      case 'symlink':
        // Last of all, so that nothing is ever written through one.
        this.#count(path, 'link', 0);
        this.#links.push({ path, target: header.linkname ?? '' });
        return;
      case 'link':
        this.#copyLinked(path, header);
        return;
      default:
        throw refusal(
          printable(path),
          `is a ${header.type}; only files, folders and links can be published`,
        );
    }
  }

  finish(): void {
    if (this.#members.size === 0) throw refusal('', 'the archive is empty');
    for (const { path, target } of this.#links) {
      if (target === '' || target.includes('\0'))
        throw refusal(printable(path), 'is a link to nothing');
      symlinkSync(target, join(this.#to, path));
    }
  }

  #isImplied(path: string, header: Headers): boolean {
    return this.#implied.has(path) && header.type === 'directory';
  }

  #makeParents(path: string): void {
    const missing: string[] = [];
    for (let at = posix.dirname(path); at !== '.'; at = posix.dirname(at)) {
      const known = this.#members.get(at);
      if (known === 'directory') break;
      if (known !== undefined)
        throw refusal(printable(path), `lies below ${printable(at)}, which is a ${known}`);
      missing.push(at);
    }
    for (const folder of missing.reverse()) {
      this.#makeFolder(folder);
      this.#implied.add(folder);
    }
  }

  #makeFolder(path: string): void {
    if (this.#members.get(path) === 'directory') return;
    this.#count(path, 'directory', 0);
    mkdirSync(join(this.#to, path));
  }

  /** A hard link becomes a file of its own; what it names must have come before. */
  #copyLinked(path: string, header: Headers): void {
    const target = normal(header.linkname ?? '');
    const known = this.#members.get(target);
    if (known !== 'file') {
      throw refusal(
        printable(path),
        `is a hard link to ${printable(target)}, which is no file before it`,
      );
    }
    const source = join(this.#to, target);
    const { size } = statSync(source);
    this.#count(path, 'file', size);
    copyFileSync(source, join(this.#to, path));
  }

  #count(path: string, kind: Unpacked, bytes: number): void {
    const { members, fileBytes, totalBytes } = this.#limits;
    this.#members.set(path, kind);
    if (this.#members.size > members) {
      throw refusal('', `the archive has more than ${members} files and folders`);
    }
    if (bytes > fileBytes) {
      throw refusal(printable(path), `is ${bytes} bytes; a file may have ${fileBytes}`);
    }
    this.#totalBytes += bytes;
    if (this.#totalBytes > totalBytes) {
      throw refusal('', `the archive's files have more than ${totalBytes} bytes in all`);
    }
  }
}

/** The path as the archive means it: `./a/` is `a`. */
function memberPath(header: Headers): string {
  return normal(header.type === 'directory' ? header.name.replace(/\/+$/, '') : header.name);
}

function normal(name: string): string {
  return name === '.' || name === './' ? '' : name.replace(/^(\.\/+)+/, '');
}

async function writeFileFrom(
  content: AsyncIterable<Buffer>,
  path: string,
  executable: number,
): Promise<void> {
  const file = openSync(path, 'wx', executable === 0 ? 0o644 : 0o755);
  try {
    for await (const chunk of content) writeWhole(file, chunk);
  } finally {
    closeSync(file);
  }
}

function writeWhole(file: number, chunk: Buffer): void {
  for (let written = 0; written < chunk.length; ) written += writeSync(file, chunk, written);
}

/** The tar stream in an archive, whose first two bytes say whether it is gzipped. */
async function decompressed(archive: Readable): Promise<Readable> {
  let head: Buffer | null = null;
  while (head === null) {
    head = archive.read(2) as Buffer | null;
    if (head !== null) break;
    if (archive.readableEnded) throw refusal('', 'the archive is empty');
    await Promise.race([once(archive, 'readable'), once(archive, 'end')]);
  }
  archive.unshift(head);
  if (head[0] !== 0x1f || head[1] !== 0x8b) return archive;
  const gunzip = createGunzip();
  archive.once('error', (error) => gunzip.destroy(error));
  return archive.pipe(gunzip);
}

function bounded(): PassThrough {
  let seen = 0;
  return new PassThrough({
    transform(chunk: Buffer, _encoding, done) {
      seen += chunk.length;
      if (seen > MAX_TAR_BYTES)
        done(refusal('', `the archive unpacks to more than ${MAX_TAR_BYTES} bytes`));
      else done(null, chunk);
    },
  });
}

/** What the libraries say of a broken archive; a full disk and the like stay what they are. */
function asRefusal(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'Z_BUF_ERROR' || /unexpected end/i.test(message)) {
    return refusal('', 'the archive ends too early; was the upload cut off?');
  }
  if (code?.startsWith('Z_')) return refusal('', 'the archive is no gzip that can be read');
  if (/invalid tar|tar header|checksum/i.test(message)) {
    return refusal('', 'this is no tar archive; send the folder as tar, gzipped or not');
  }
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return refusal('', 'the application does not fit on the disk of its builder');
  }
  return error;
}
