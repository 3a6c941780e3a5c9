import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';

/** What git's own CGI program answered. */
export interface BackendAnswer {
  status: number;
  contentType: string;
  /** Ends once the request was read to its end as well, which git itself does not wait for. */
  body: AsyncGenerator<Buffer>;
}

/** A bare repository that exists for one push, in this process or in one of git's own. */
export interface PushRepo {
  /**
   * Asks git's `http-backend`, with the request's body when there is one. `path` is below the
   * repository and has the query, if any. Throws `KartaError`: `not_installed`, `capacity`.
   */
  ask(request: IncomingMessage, path: string): Promise<BackendAnswer>;
  /** Names of what was pushed, such as `refs/heads/main`. */
  refs(): Promise<string[]>;
  /** Files of a ref as tar; fails when git does. */
  archive(ref: string): Readable;
  /** Ends what runs in it and removes it. Idempotent. */
  remove(): Promise<void>;
}

/** Makes an empty repository. Throws `KartaError`: `not_installed` without git, `capacity`. */
export type OpenPushRepo = () => Promise<PushRepo>;
