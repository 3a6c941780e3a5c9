import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import type { Sandbox, SandboxProcess } from '../port.ts';
import { type FileList, type Reader, ReaderError } from '../reader-port.ts';
import { HOME_INSIDE, WORKSPACE_INSIDE } from '../spec/check-spec.ts';
import { frames } from './body-frames.ts';
import { type LineFront, lineFront } from './bounded-lines.ts';
import { listAnswer, listedFile, plainAnswer, type ReaderRequest, sizeAnswer } from './request.ts';
import { NODE_INSIDE, PROGRAM_INSIDE } from './tools.ts';

const DEFAULT_LIST = 1000;
/** More files than this are never listed. */
const MAX_LIST = 10_000;
/** A path of 4096 bytes can be six times that as JSON. */
const MAX_ANSWER_LINE = 64 * 1024;
/** One message of a conversation with large tool outputs in it. */
const MAX_ROW = 16 * 1024 * 1024;

/** How long the reader may take, in milliseconds. */
export interface ReaderPatience {
  /** Until its first line, or, while it is sent a body, from one piece that it took to the next. */
  answerMs: number;
  /** The longest pause within an answer: an honest one pauses when its sandbox has no processor. */
  silenceMs: number;
}

/** Starting takes a tenth of a second; a swamped sandbox must not hold a request for ever. */
const PATIENCE: ReaderPatience = { answerMs: 30_000, silenceMs: 30_000 };

interface Asked {
  process: SandboxProcess;
  lines: LineFront;
  /** Ends the process when its first line does not come in time. */
  answerTimer: NodeJS.Timeout;
}

/**
 * The reader of a sandbox: each operation is a process inside, which ends with it, so an idle
 * session has none. Nothing that comes back is believed beyond its shape.
 */
export function createReader(sandbox: Sandbox, patience: ReaderPatience = PATIENCE): Reader {
  const workspace = sandbox.place(WORKSPACE_INSIDE);
  const home = sandbox.place(HOME_INSIDE);

  return {
    async list(options = {}) {
      const limit = Math.min(Math.max(1, Math.floor(options.limit ?? DEFAULT_LIST)), MAX_LIST);
      const prefix = options.prefix ?? '';
      const asked = ask({ operation: 'list', root: workspace, prefix, limit });
      asked.process.stdin.end();
      return answered(asked, async () => {
        const head = await answer(asked, listAnswer);
        const list: FileList = { files: [], truncated: head.truncated };
        for (let at = 0; at < Math.min(head.count, limit); at += 1) {
          const line = await asked.lines.next();
          if (line === null) throw failed('the list is not complete');
          list.files.push(parse(listedFile, line));
        }
        return list;
      });
    },
    read: (path) => streamFile(workspace, path),
    async write(path, body, maxBytes) {
      refuseProtected(path);
      const asked = ask({ operation: 'write', root: workspace, path, maxBytes });
      return answered(asked, async () => {
        // A refusal inside closes the input early; its answer is the better error.
        const taken = (pieces: AsyncIterable<Buffer>) => renewing(asked, frames(pieces));
        const sent = pipeline(body, taken, asked.process.stdin).then(
          () => null,
          (error: unknown) => error,
        );
        const head = await answer(asked, sizeAnswer);
        const problem = await sent;
        if (problem !== null) throw failed('the body ended early');
        return { size: head.size };
      }).finally(() => body.destroy());
    },
    async remove(path) {
      refuseProtected(path);
      const asked = ask({ operation: 'remove', root: workspace, path });
      asked.process.stdin.end();
      await answered(asked, () => answer(asked, plainAnswer));
    },
    readHome: async (path) => (await streamFile(home, path)).body,
    async queryHome(database, sql, params) {
      const asked = ask({ operation: 'query', root: home, path: database, sql, params });
      asked.process.stdin.end();
      return streamed(asked, () => answer(asked, plainAnswer), rows(asked));
    },
  };

  async function streamFile(root: string, path: string) {
    const asked = ask({ operation: 'read', root, path });
    asked.process.stdin.end();
    let size = 0;
    const body = await streamed(
      asked,
      async () => {
        size = (await answer(asked, sizeAnswer)).size;
      },
      exactly(asked, () => size),
    );
    return { size, body };
  }

  function ask(request: ReaderRequest): Asked {
    const process = sandbox.spawn({
      argv: [
        sandbox.place(NODE_INSIDE),
        '--no-warnings',
        sandbox.place(PROGRAM_INSIDE),
        JSON.stringify(request),
      ],
      env: {},
      cwd: '/',
      offers: [],
      hosts: false,
    });
    process.stderr.resume();
    process.stdout.on('error', () => process.kill('SIGKILL'));
    const answerTimer = setTimeout(() => process.kill('SIGKILL'), patience.answerMs);
    return { process, lines: lineFront(process.stdout, MAX_ROW, patience.silenceMs), answerTimer };
  }

  function refuseProtected(path: string): void {
    const inside = (folder: string) => path === folder || path.startsWith(`${folder}/`);
    if (sandbox.protectedPaths.some(inside)) {
      throw new ReaderError('read_only', 'this path belongs to the release');
    }
  }
}

/** Reads the first line, in time, and turns a refusal into an error. */
async function answer<T>(
  asked: Asked,
  schema: z.ZodType<T>,
): Promise<Exclude<T, { error: unknown }>> {
  try {
    const line = await asked.lines.next();
    if (line === null) throw failed('the reader ended without an answer');
    if (line.length > MAX_ANSWER_LINE) throw failed('the answer is too long');
    const said = parse(schema, line);
    const refusal = refused.safeParse(said);
    if (refusal.success) throw new ReaderError(refusal.data.error, refusal.data.message);
    return said as Exclude<T, { error: unknown }>;
  } finally {
    clearTimeout(asked.answerTimer);
  }
}

/**
 * Lets the reader's time begin anew with each piece that it takes: a body may be as slow as its
 * sender, and a refusal is still read while it is being sent.
 */
async function* renewing(asked: Asked, pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    yield piece;
    asked.lines.renew();
    asked.answerTimer.refresh();
  }
}

const refused = z.object({
  error: z.enum([
    'not_found',
    'not_a_file',
    'outside',
    'read_only',
    'too_large',
    'disk_full',
    'failed',
  ]),
  message: z.string(),
});

/** Runs an operation to its end, and ends its process in any case. */
async function answered<T>(asked: Asked, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    asked.process.kill('SIGKILL');
    asked.process.stdout.destroy();
  }
}

/** Waits for the first line, then gives the rest as a stream that ends the process when closed. */
async function streamed(
  asked: Asked,
  head: () => Promise<unknown>,
  body: AsyncGenerator<Buffer>,
): Promise<Readable> {
  const end = () => {
    asked.process.kill('SIGKILL');
    asked.process.stdout.destroy();
  };
  try {
    await head();
  } catch (error) {
    end();
    throw error;
  }
  const stream = Readable.from(body, { objectMode: false });
  stream.once('close', end);
  return stream;
}

async function* exactly(asked: Asked, size: () => number): AsyncGenerator<Buffer> {
  let left = size();
  for await (const chunk of asked.lines.rest()) {
    if (chunk.length >= left) {
      if (left > 0) yield chunk.subarray(0, left);
      left = 0;
      break;
    }
    left -= chunk.length;
    yield chunk;
  }
  if (left > 0) throw failed('the file became shorter while it was read');
}

async function* rows(asked: Asked): AsyncGenerator<Buffer> {
  for (;;) {
    const line = await asked.lines.next();
    if (line === null) break;
    yield Buffer.concat([line, Buffer.from('\n')]);
  }
  if ((await asked.process.exited).code !== 0) throw failed('the query did not end well');
}

function parse<T>(schema: z.ZodType<T>, line: Buffer): T {
  try {
    return schema.parse(JSON.parse(line.toString('utf8')));
  } catch {
    // What it really said is hostile text: not for an error that somebody prints.
    throw failed('the reader gave no valid answer');
  }
}

function failed(message: string): ReaderError {
  return new ReaderError('failed', message);
}
