import type { Transport } from './transport.ts';

/** A file in a session's workspace. */
export interface SessionFile {
  path: string;
  size: number;
  modified_at: string;
  kind: 'file' | 'link' | 'other';
}

/** What can be stored as a file. A stream is sent once; anything else can be repeated after a drop. */
export type FileContent = Blob | Uint8Array<ArrayBuffer> | string | ReadableStream<Uint8Array>;

/** The files of one session's workspace. */
export class SessionFiles {
  readonly #transport: Transport;
  readonly #path: string;

  constructor(transport: Transport, sessionPath: string) {
    this.#transport = transport;
    this.#path = `${sessionPath}/files`;
  }

  list(
    options: { prefix?: string; signal?: AbortSignal } = {},
  ): Promise<{ files: SessionFile[]; truncated: boolean }> {
    return this.#transport.json({
      method: 'GET',
      path: this.#path,
      query: { prefix: options.prefix },
      signal: options.signal,
    });
  }

  /** The file's bytes, as the body of the answer. */
  read(path: string, options: { signal?: AbortSignal } = {}): Promise<Response> {
    return this.#transport.send({
      method: 'GET',
      path: this.#pathOf(path),
      signal: options.signal,
    });
  }

  write(
    path: string,
    content: FileContent,
    options: { signal?: AbortSignal } = {},
  ): Promise<{ path: string; size: number }> {
    return this.#transport.json({
      method: 'PUT',
      path: this.#pathOf(path),
      body: content,
      headers: { 'content-type': 'application/octet-stream' },
      signal: options.signal,
    });
  }

  async remove(path: string, options: { signal?: AbortSignal } = {}): Promise<void> {
    await this.#transport.json({
      method: 'DELETE',
      path: this.#pathOf(path),
      signal: options.signal,
      goneIsDone: true,
    });
  }

  #pathOf(path: string): string {
    return `${this.#path}/${path.split('/').map(encodeURIComponent).join('/')}`;
  }
}
