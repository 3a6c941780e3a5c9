import { once } from 'node:events';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { LIMITS } from '@karta/protocol';
import { ReaderError } from '@karta/sandbox';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
let id: string;
beforeAll(async () => {
  server = await startEngineServer();
  id = (await server.session()).id;
});
afterAll(() => server.close());

/** Sends the path as it stands: `fetch` would tidy it first. */
function raw(method: string, path: string): Promise<{ status: number; text: string }> {
  const { port } = new URL(server.url);
  return new Promise((resolve, reject) => {
    const headers = { 'x-api-key': KEYS.full };
    request({ port, host: '127.0.0.1', method, path, headers }, async (incoming) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
    })
      .on('error', reject)
      .end();
  });
}

function put(path: string, body: Buffer | ReadableStream, headers: Record<string, string> = {}) {
  return fetch(`${server.url}/v1/sessions/${id}/files/${path}`, {
    method: 'PUT',
    headers: { 'x-api-key': KEYS.full, ...headers },
    body,
    duplex: 'half',
  } as RequestInit);
}

describe('a file', () => {
  it('is written, listed, read and removed', async () => {
    const bytes = Buffer.from('a\0\r\nb');
    const written = await put('notes/a.bin', bytes);
    expect(await written.json()).toEqual({ path: 'notes/a.bin', size: bytes.length });
    const list = await server.call('GET', `/v1/sessions/${id}/files?prefix=notes/`);
    expect(await list.json()).toMatchObject({
      files: [{ path: 'notes/a.bin', size: expect.any(Number), kind: 'file' }],
      truncated: false,
    });
    const path = `/v1/projects/shop/sessions/${id}/files/notes/a.bin`;
    const read = await server.call('GET', path);
    expect(Buffer.from(await read.arrayBuffer())).toEqual(bytes);
    const removed = await server.call('DELETE', path);
    expect(removed.status).toBe(204);
    expect((await server.call('GET', path)).status).toBe(404);
  });

  it('is never shown by a browser, whatever it is', async () => {
    await put('page.html', Buffer.from('<script>alert(1)</script>'));
    const read = await server.call('GET', `/v1/sessions/${id}/files/page.html`);
    expect(Object.fromEntries(read.headers)).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename="page.html"; filename*=UTF-8''page.html`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; sandbox",
      'content-length': '25',
    });
    const head = await server.call('HEAD', `/v1/sessions/${id}/files/page.html`);
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([
      200,
      '25',
      '',
    ]);
  });

  it('is named by its decoded path', async () => {
    for (const name of ['a b.txt', 'ä/ö ü.txt', '100%.txt', 'a?b#c', 'q"uo\\te', "it's (1)*.txt"]) {
      const encoded = name.split('/').map(encodeURIComponent).join('/');
      if (name.includes('\\')) {
        expect((await put(encoded, Buffer.from('x'))).status).toBe(404);
        continue;
      }
      expect(await (await put(encoded, Buffer.from(encoded))).json()).toMatchObject({ path: name });
      const read = await server.call('GET', `/v1/sessions/${id}/files/${encoded}`);
      expect(await read.text()).toBe(encoded);
      const disposition = read.headers.get('content-disposition') ?? '';
      expect(disposition).toMatch(
        /^attachment; filename="[\x20-\x7e]*"; filename\*=UTF-8''[!-~]+$/,
      );
    }
  });
});

describe('a path', () => {
  it('leads nowhere else', async () => {
    server.runner.files.set('../secret', 'no');
    const base = `/v1/sessions/${id}/files`;
    for (const path of [
      `${base}/../secret`,
      `${base}/..%2fsecret`,
      `${base}/%2e%2e/secret`,
      `${base}/%2e%2e%2fsecret`,
      `${base}/a/../../secret`,
      `${base}/..%5csecret`,
      `${base}//a`,
      `${base}/a//b`,
      `${base}/a%00b`,
      `${base}/%2fetc%2fpasswd`,
    ]) {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const { status, text } = await raw(method, path);
        expect([404, 405], `${method} ${path}`).toContain(status);
        expect(text).not.toBe('no');
      }
    }
    expect(server.runner.files.has('../secret')).toBe(true);
  });

  it('that is no percent-encoded UTF-8 is 400', async () => {
    for (const bad of ['%', '%zz', '%ff', 'a%e4', '%ed%a0%80']) {
      const { status } = await raw('GET', `/v1/sessions/${id}/files/${bad}`);
      expect(status, bad).toBe(400);
    }
  });
});

describe('a file over 100 MB', () => {
  it('is 413 by its content-length, before a byte is taken', async () => {
    const { port } = new URL(server.url);
    const status = await new Promise<number>((resolve, reject) => {
      const headers = { 'x-api-key': KEYS.full, 'content-length': String(LIMITS.fileBytes + 1) };
      const path = `/v1/sessions/${id}/files/big`;
      const upload = request({ port, host: '127.0.0.1', method: 'PUT', path, headers });
      upload.on('response', (incoming) => {
        incoming.resume();
        resolve(incoming.statusCode ?? 0);
        upload.destroy();
      });
      upload.on('error', reject);
      upload.flushHeaders();
    });
    expect(status).toBe(413);
  });

  it('is 413 while it streams', async () => {
    const chunk = new Uint8Array(1024 * 1024);
    let sent = 0;
    const endless = new ReadableStream({
      pull(controller) {
        sent += 1;
        if (sent > 130) controller.close();
        else controller.enqueue(chunk);
      },
    });
    const answer = await put('big', endless);
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({
      error: 'payload_too_large',
      limit_bytes: LIMITS.fileBytes,
    });
    expect(server.runner.files.has('big')).toBe(false);
    expect((await server.call('GET', '/healthz')).status).toBe(200);
  });

  it('is 413 also where the reader only sees a body that broke off', async () => {
    const { writeFile } = server.deps.sessions;
    server.deps.sessions.writeFile = async (_caller, _sessionId, _path, body) => {
      await once(body.resume(), 'end').catch(() => {
        throw new ReaderError('failed', 'the body ended early');
      });
      return { size: 0 };
    };
    const blocks = Array.from({ length: 101 }, () => new Uint8Array(1024 * 1024));
    const answer = await put('big', new Response(new Blob(blocks)).body as ReadableStream);
    server.deps.sessions.writeFile = writeFile;
    expect(answer.status).toBe(413);
  });

  it('is taken up to the limit', async () => {
    const answer = await put('largest', Buffer.alloc(LIMITS.fileBytes));
    expect(await answer.json()).toEqual({ path: 'largest', size: LIMITS.fileBytes });
    server.runner.files.delete('largest');
  });
});

describe('a name', () => {
  it('may hold what an address must encode, line breaks too', async () => {
    for (const name of ['a b', 'ü/日本', 'two\nlines', '100%', 'a?b#c', '-rf']) {
      const path = name.split('/').map(encodeURIComponent).join('/');
      expect(await (await put(path, Buffer.from('bytes'))).json()).toMatchObject({ path: name });
      const read = await server.call('GET', `/v1/sessions/${id}/files/${path}`);
      expect(await read.text()).toBe('bytes');
    }
  });
});

describe('a client that goes away', () => {
  it('while it uploads, before anybody reads, leaves the server well and no file', async () => {
    const { writeFile } = server.deps.sessions;
    const reached = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<void>();
    server.deps.sessions.writeFile = async (caller, sessionId, path, body) => {
      reached.resolve();
      await new Promise<void>((resolve) => body.once('close', resolve));
      return writeFile(caller, sessionId, path, body).catch((error: unknown) => {
        failed.resolve();
        throw error;
      });
    };
    const { port } = new URL(server.url);
    const upload = request({
      port,
      host: '127.0.0.1',
      method: 'PUT',
      path: `/v1/sessions/${id}/files/half`,
      headers: { 'x-api-key': KEYS.full, 'content-length': '1000' },
    });
    upload.on('error', () => {});
    upload.write('half');
    await reached.promise;
    upload.destroy();
    await failed.promise;
    server.deps.sessions.writeFile = writeFile;
    expect(server.runner.files.has('half')).toBe(false);
    expect((await server.call('GET', '/healthz')).status).toBe(200);
  });

  it('while it downloads, frees the source', async () => {
    const { readFile } = server.deps.sessions;
    const source = new Readable({ read() {} });
    source.push(Buffer.alloc(1000));
    server.deps.sessions.readFile = async () => ({ size: 10_000, body: source });
    const gone = new AbortController();
    const path = `/v1/sessions/${id}/files/slow`;
    const answer = await server.call('GET', path, { signal: gone.signal });
    await answer.body?.getReader().read();
    const freed = new Promise<void>((resolve) => source.once('close', resolve));
    gone.abort();
    await freed;
    server.deps.sessions.readFile = readFile;
  });
});

describe('what the reader refuses', () => {
  it.each([
    ['not_found', 404, 'not_found'],
    ['outside', 404, 'not_found'],
    ['not_a_file', 422, 'validation_failed'],
    ['read_only', 403, 'file_read_only'],
    ['too_large', 413, 'payload_too_large'],
    ['disk_full', 507, 'storage_full'],
    ['failed', 500, 'internal'],
  ] as const)('%s is %d %s, without its words', async (code, status, error) => {
    const { readFile } = server.runner;
    server.runner.readFile = () => Promise.reject(new ReaderError(code, 'hostile-words'));
    const answer = await server.call('GET', `/v1/sessions/${id}/files/a`);
    server.runner.readFile = readFile;
    expect(answer.status).toBe(status);
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ error });
    expect(text).not.toContain('hostile-words');
  });

  it.each(['not_found', 'outside'] as const)(
    '%s of a write is a path that cannot be',
    async (code) => {
      const { writeFile } = server.runner;
      server.runner.writeFile = () => Promise.reject(new ReaderError(code, 'hostile-words'));
      const answer = await put('a'.repeat(300), Buffer.from('x'));
      server.runner.writeFile = writeFile;
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({
        error: 'validation_failed',
        errors: [{ parameter: 'path', message: expect.stringContaining('too long') }],
      });
    },
  );

  it('is shown with times like all others, whatever the sandbox said', async () => {
    const { listFiles } = server.runner;
    const file = (modified_at: string) => ({
      path: 'a',
      size: 1,
      modified_at,
      kind: 'file' as const,
    });
    server.runner.listFiles = async () => ({
      files: [file('2026-01-01T00:00:00Z'), file('nonsense')],
      truncated: false,
    });
    const answer = await server.call('GET', `/v1/sessions/${id}/files`);
    server.runner.listFiles = listFiles;
    const { files } = (await answer.json()) as { files: { modified_at: string }[] };
    expect(files.map((one) => one.modified_at)).toEqual([
      '2026-01-01T00:00:00.000+00:00',
      '1970-01-01T00:00:00.000+00:00',
    ]);
  });
});
