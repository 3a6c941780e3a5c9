/**
 * The reader's half inside the sandbox: one operation a process. It is plain JavaScript and needs
 * Node's own modules only, as nothing else of ours is inside.
 *
 * Called with one argument, the JSON of a request (see `request.ts`). Answers on standard output:
 * one line of JSON, `{"ok":…}` or `{"error":…,"message":…}`, then the bytes of the answer, if any.
 * An exit code other than 0 after a good first line means that the bytes are not complete.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  createReadStream,
  createWriteStream,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  opendirSync,
  openSync,
  renameSync,
  unlinkSync,
} from 'node:fs';
import { pipeline } from 'node:stream/promises';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECTORY, O_NONBLOCK } = constants;
/** Bounds of one listing, whatever is planted. */
const MAX_FOLDER_ENTRIES = 20_000;
const MAX_VISITED = 200_000;
const MAX_DEPTH = 100;
/** How long a query waits for a harness that is writing. */
const BUSY_TIMEOUT_MS = 5_000;
/** Parts of a path are opened one by one by descriptor, so that no link is ever followed. */
const BY_DESCRIPTOR = existsSync('/proc/self/fd');

class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** Error codes of the kernel, in the words of the reader's port. */
const CODES = {
  ENOENT: 'not_found',
  ENOTDIR: 'not_found',
  ENAMETOOLONG: 'not_found',
  ELOOP: 'not_a_file',
  EISDIR: 'not_a_file',
  ENXIO: 'not_a_file',
  EROFS: 'read_only',
  EBUSY: 'read_only',
  EACCES: 'read_only',
  EPERM: 'read_only',
  ENOSPC: 'disk_full',
  EDQUOT: 'disk_full',
  EFBIG: 'disk_full',
};

/** A path by a folder's descriptor: what `openat` would open. */
function at(folder, name) {
  return BY_DESCRIPTOR ? `/proc/self/fd/${folder.fd}/${name}` : `${folder.path}/${name}`;
}

function openFolder(path, real) {
  return { fd: openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW), path: real };
}

/** Opens the folder that a path lies in; makes those on the way when asked to. */
function parentOf(root, path, make) {
  const parts = path.split('/');
  const name = parts.pop();
  if (!name || [name, ...parts].some((part) => part === '' || part === '.' || part === '..')) {
    throw new Refusal('outside', 'the path is not a plain one');
  }
  let folder = openFolder(root, root);
  for (const part of parts) {
    const next = at(folder, part);
    const real = `${folder.path}/${part}`;
    if (make) {
      try {
        mkdirSync(next, 0o755);
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
    }
    const stat = lstatSync(next);
    if (stat.isSymbolicLink()) throw new Refusal('outside', 'a folder of the path is a link');
    const inner = openFolder(next, real);
    closeSync(folder.fd);
    folder = inner;
  }
  return { folder, name };
}

async function say(line) {
  if (!process.stdout.write(`${JSON.stringify(line)}\n`)) await once(process.stdout, 'drain');
}

/** Opens a regular file. Without blocking, as what was planted may be a FIFO. */
function openFile(root, path) {
  const { folder, name } = parentOf(root, path, false);
  const fd = openSync(at(folder, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw new Refusal('not_a_file', 'not a regular file');
  return { fd, size: stat.size };
}

async function read({ root, path }) {
  const { fd, size } = openFile(root, path);
  await say({ ok: true, size });
  if (size === 0) return;
  // A file that grows meanwhile is read as long as it was; one that shrinks is told by the count.
  await pipeline(createReadStream('', { fd, start: 0, end: size - 1 }), process.stdout, {
    end: false,
  });
}

async function write({ root, path, maxBytes }) {
  const { folder, name } = parentOf(root, path, true);
  const target = at(folder, name);
  const present = lstatSync(target, { throwIfNoEntry: false });
  if (present?.isDirectory()) throw new Refusal('not_a_file', 'a folder has that name');
  const temporary = at(folder, `.write-${randomBytes(8).toString('hex')}`);
  let size = 0;
  try {
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    await pipeline(
      process.stdin,
      async function* (chunks) {
        for await (const chunk of unframed(chunks)) {
          size += chunk.length;
          if (size > maxBytes) throw new Refusal('too_large', `more than ${maxBytes} bytes`);
          yield chunk;
        }
      },
      createWriteStream('', { fd, flush: true }),
    );
    renameSync(temporary, target);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made.
    }
    throw error;
  }
  await say({ ok: true, size });
}

/** The pieces of a body, each after its length; an empty one ends it. */
async function* unframed(chunks) {
  let header = Buffer.alloc(0);
  let left = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (left > 0) {
        const piece = chunk.subarray(at, at + left);
        left -= piece.length;
        at += piece.length;
        yield piece;
        continue;
      }
      header = Buffer.concat([header, chunk.subarray(at, at + 4 - header.length)]);
      at = Math.min(chunk.length, at + 4);
      if (header.length < 4) break;
      left = header.readUInt32BE();
      if (left === 0) return;
      header = Buffer.alloc(0);
    }
  }
  throw new Refusal('failed', 'the body broke off');
}

async function remove({ root, path }) {
  const { folder, name } = parentOf(root, path, false);
  const stat = lstatSync(at(folder, name));
  if (stat.isDirectory()) throw new Refusal('not_a_file', 'a folder cannot be removed');
  unlinkSync(at(folder, name));
  await say({ ok: true });
}

async function list({ root, prefix, limit }) {
  const files = [];
  const seen = { visited: 0, truncated: false };
  collect(openFolder(root, root), '', prefix, limit, files, seen, 0);
  await say({ ok: true, truncated: seen.truncated, count: files.length });
  for (const file of files) await say(file);
}

function collect(folder, below, prefix, limit, files, seen, depth) {
  const { entries, truncated } = entriesOf(folder, seen);
  if (truncated) seen.truncated = true;
  for (const { name, directory } of entries) {
    if (files.length >= limit) {
      seen.truncated = true;
      break;
    }
    const path = below + name;
    if (directory) {
      const inside = `${path}/`;
      if (!inside.startsWith(prefix) && !prefix.startsWith(inside)) continue;
      if (depth >= MAX_DEPTH) {
        seen.truncated = true;
        continue;
      }
      let inner;
      try {
        inner = openFolder(at(folder, name), `${folder.path}/${name}`);
      } catch {
        // Gone or made unreadable meanwhile.
        continue;
      }
      collect(inner, inside, prefix, limit, files, seen, depth + 1);
    } else if (path.startsWith(prefix)) {
      const stat = lstatSync(at(folder, name), { throwIfNoEntry: false });
      if (stat === undefined) continue;
      const kind = stat.isFile() ? 'file' : stat.isSymbolicLink() ? 'link' : 'other';
      files.push({ path, size: stat.size, modified_at: stat.mtime.toISOString(), kind });
    }
  }
  closeSync(folder.fd);
}

/** Names in the order of whole paths: a folder sorts as if it ended in its slash. */
function entriesOf(folder, seen) {
  const entries = [];
  const handle = opendirSync(BY_DESCRIPTOR ? `/proc/self/fd/${folder.fd}` : folder.path);
  let truncated = false;
  for (let entry = handle.readSync(); entry !== null; entry = handle.readSync()) {
    seen.visited += 1;
    if (entries.length >= MAX_FOLDER_ENTRIES || seen.visited > MAX_VISITED) {
      truncated = true;
      break;
    }
    const directory = entry.isDirectory();
    entries.push({ name: entry.name, directory, key: directory ? `${entry.name}/` : entry.name });
  }
  handle.closeSync();
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  return { entries, truncated };
}

async function query({ root, path, sql, params }) {
  const { folder, name } = parentOf(root, path, false);
  const stat = lstatSync(at(folder, name));
  if (!stat.isFile()) throw new Refusal('not_a_file', 'not a database');
  const { DatabaseSync } = await import('node:sqlite');
  const database = new DatabaseSync(at(folder, name), { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  await say({ ok: true });
  for (const row of statement.iterate(...params)) {
    const plain = Object.entries(row).map(([column, value]) => [column, plainValue(value)]);
    await say(Object.fromEntries(plain));
  }
}

function plainValue(value) {
  if (typeof value === 'bigint') {
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  }
  return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value;
}

const OPERATIONS = { list, read, write, remove, query };

// A write past the size limit of files must fail as a write, not end the process.
process.on('SIGXFSZ', () => {});
// Whoever asked has gone: nobody is left to be told.
process.stdout.on('error', () => process.exit(1));
try {
  const request = JSON.parse(process.argv[2] ?? '');
  await OPERATIONS[request.operation](request);
  process.exitCode = 0;
} catch (error) {
  process.exitCode = 1;
  const code = error instanceof Refusal ? error.code : (CODES[error.code] ?? 'failed');
  // What the kernel says names a path of ours; its code is enough.
  const message = error.syscall === undefined ? String(error.message) : error.code;
  await say({ error: code, message: message.slice(0, 500) });
} finally {
  process.stdin.destroy();
}
