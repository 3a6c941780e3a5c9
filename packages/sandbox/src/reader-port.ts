import type { Readable } from 'node:stream';

/**
 * The reader: the one program of ours that runs inside a sandbox. Everything the platform wants to
 * know of files that sandboxed code can write, it asks the reader, which opens them with the
 * sandbox's own rights; outside, only the bytes it answers are looked at, and they are hostile.
 */
export interface Reader {
  /** Files below `/workspace`, sorted by path; links are named, never followed. */
  list(options?: { prefix?: string; limit?: number }): Promise<FileList>;
  /** Streams one regular file. Rejects with `ReaderError`. */
  read(path: string): Promise<{ size: number; body: Readable }>;
  /** Writes a file atomically, making folders on the way. Resolves to its size. */
  write(path: string, body: Readable, maxBytes: number): Promise<{ size: number }>;
  remove(path: string): Promise<void>;
  /** Streams a text file of the harness's own store below `/home/agent`. */
  readHome(path: string): Promise<Readable>;
  /** Runs a read-only query on an SQLite database below `/home/agent`, a JSON row a line. */
  queryHome(database: string, sql: string, params: readonly string[]): Promise<Readable>;
}

export interface FileList {
  files: { path: string; size: number; modified_at: string; kind: 'file' | 'link' | 'other' }[];
  truncated: boolean;
}

export type ReaderErrorCode =
  | 'not_found'
  | 'not_a_file'
  | 'outside'
  | 'read_only'
  | 'too_large'
  | 'disk_full'
  | 'failed';

export class ReaderError extends Error {
  readonly code: ReaderErrorCode;
  constructor(code: ReaderErrorCode, message: string) {
    super(message);
    this.name = 'ReaderError';
    this.code = code;
  }
}
