import { type Readable, Transform } from 'node:stream';
import { tooLarge } from '@karta/http';
import { isoTime, KartaError, LIMITS } from '@karta/protocol';
import { z } from 'zod';
import { fileBody } from '../file-body.ts';
import { readerErrors, writeErrors } from '../file-errors.ts';
import { attachmentHeader, filePathOf } from '../file-path.ts';
import { defineRoute, json, noContent } from '../route.ts';
import { fileList, storedFile } from '../schemas.ts';
import { BOTH_FAMILIES, jsonOf, sessionIdOf } from './session-route.ts';

const FILE_PATH = '/sessions/{session_id}/files/{path}';
const bytes = { 'application/octet-stream': z.string().meta({ format: 'binary' }) };

export const listFiles = defineRoute({
  id: 'listFiles',
  summary: "List the files of a session's workspace",
  method: 'get',
  path: '/sessions/{session_id}/files',
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'files',
  query: z.object({
    prefix: z
      .string()
      .max(4096)
      .refine((value) => !value.includes('\0'), 'must not contain NUL')
      .optional(),
  }),
  answers: { 200: { description: 'Files, sorted by path', content: jsonOf(fileList) } },
  async handle(call, deps) {
    const { prefix } = call.query;
    const listing = deps.sessions.listFiles(call.caller, sessionIdOf(call), prefix);
    const { files, truncated } = await readerErrors(listing);
    const shown = files.map((file) => ({ ...file, modified_at: shownTime(file.modified_at) }));
    return json(200, { files: shown, truncated });
  },
});

export const readFile = defineRoute({
  id: 'readFile',
  summary: 'Read a file',
  method: 'get',
  path: FILE_PATH,
  families: BOTH_FAMILIES,
  scope: 'read',
  token: 'files',
  answers: { 200: { description: "The file's bytes", content: bytes } },
  async handle(call, deps) {
    const path = filePathOf(call.url);
    const reading = deps.sessions.readFile(call.caller, sessionIdOf(call), path);
    const file = await readerErrors(reading);
    // Whoever reads it is told of its errors; after that they tell nothing new.
    file.body.on('error', () => {});
    if (call.headOnly) file.body.destroy();
    const body = call.headOnly ? null : fileBody(file.body, file.size, call.outgoing);
    // Files are made by agents: no browser may run, sniff or show them in this origin.
    return new Response(body, {
      status: 200,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(file.size),
        'content-disposition': attachmentHeader(path),
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'; sandbox",
        'cache-control': 'no-store',
      },
    });
  },
});

export const writeFile = defineRoute({
  id: 'writeFile',
  summary: 'Write a file',
  method: 'put',
  path: FILE_PATH,
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'files',
  takesBytes: true,
  answers: { 200: { description: 'The file', content: jsonOf(storedFile) } },
  async handle(call, deps) {
    const path = filePathOf(call.url);
    const sessionId = sessionIdOf(call);
    const limit = LIMITS.fileBytes;
    if (Number(call.incoming.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
    const body = atMost(call.incoming, limit);
    try {
      const writing = deps.sessions.writeFile(call.caller, sessionId, path, body);
      const { size } = await writeErrors(writing);
      return json(200, { path, size });
    } catch (error) {
      // The reader only sees that the body broke off; why is known here.
      throw KartaError.is(body.errored) ? body.errored : error;
    } finally {
      call.incoming.unpipe();
      body.destroy();
    }
  },
});

export const removeFile = defineRoute({
  id: 'deleteFile',
  summary: 'Remove a file',
  method: 'delete',
  path: FILE_PATH,
  families: BOTH_FAMILIES,
  scope: 'write',
  token: 'files',
  answers: { 204: { description: 'Removed' } },
  async handle(call, deps) {
    const path = filePathOf(call.url);
    await readerErrors(deps.sessions.removeFile(call.caller, sessionIdOf(call), path));
    return noContent();
  },
});

/** A time as all others are shown; the epoch for what came out of a sandbox and is none. */
function shownTime(text: string): string {
  const time = new Date(text);
  return isoTime(Number.isNaN(time.getTime()) ? new Date(0) : time);
}

/**
 * The same bytes, failing with `KartaError('payload_too_large')` past the limit. The source stays
 * whole, since the answer goes out over its socket.
 */
function atMost(source: Readable, limit: number): Readable {
  let size = 0;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      size += chunk.length;
      if (size > limit) done(tooLarge(limit));
      else done(null, chunk);
    },
  });
  // A client that goes away before anybody reads must not end the process.
  counted.on('error', () => {});
  source.once('error', (error) => counted.destroy(error));
  return source.pipe(counted);
}
