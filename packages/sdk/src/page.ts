import type { RequestOptions, Transport } from './transport.ts';

/** One page of a list, newest first. */
export interface Page<T> {
  items: T[];
  /** Opaque; `null` on the last page. */
  nextCursor: string | null;
}

/** A list that fetches its pages as it is read: `for await (const item of list)`. */
export class PagedList<T> implements AsyncIterable<T> {
  readonly #fetch: (cursor: string | undefined) => Promise<Page<T>>;

  constructor(fetch: (cursor: string | undefined) => Promise<Page<T>>) {
    this.#fetch = fetch;
  }

  /** One page: the first, or the one after `cursor`. */
  page(cursor?: string): Promise<Page<T>> {
    return this.#fetch(cursor);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    let cursor: string | undefined;
    do {
      const page = await this.#fetch(cursor);
      yield* page.items;
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
  }
}

/** What every list takes. */
export interface PageOptions {
  /** Things in one page. */
  limit?: number;
  signal?: AbortSignal;
}

/** The list at `path`, whose answers are `{<name>: […], next_cursor}`. */
export function listOf<T>(
  transport: Transport,
  path: string,
  name: string,
  options: PageOptions & { query?: RequestOptions['query'] } = {},
): PagedList<T> {
  return new PagedList(async (cursor) => {
    const answer = await transport.json<{ [name: string]: T[] | string | null }>({
      method: 'GET',
      path,
      query: { ...options.query, limit: options.limit?.toString(), cursor },
      signal: options.signal,
    });
    // The answer has the list under its name, and nothing else but the cursor.
    return {
      items: answer[name] as T[],
      nextCursor: (answer.next_cursor ?? null) as string | null,
    };
  });
}
