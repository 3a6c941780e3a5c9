import type { UsageGroup, UsageReport, UsageRow } from '@karta/protocol';
import { PagedList } from '../page.ts';
import type { RequestOptions, Transport } from '../transport.ts';

export interface UsageOptions {
  /** Days of UTC, both included: `2026-11-01`. Default: the last 30 days. */
  from?: string;
  to?: string;
  /** Default `['day']`. */
  groupBy?: readonly UsageGroup[];
  /** Ref or id. */
  project?: string;
  mode?: 'live' | 'test';
  /** Rows in one page. */
  limit?: number;
  signal?: AbortSignal;
}

/** What was used, as the model proxy counted it. */
export class UsageReports {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Rows in the order of their groups. */
  rows(options: UsageOptions = {}): PagedList<UsageRow> {
    return new PagedList(async (cursor) => {
      const report = await this.#transport.json<UsageReport>(request(options, cursor));
      return { items: report.rows, nextCursor: report.next_cursor };
    });
  }

  /** The same as CSV, with a line of names first. */
  async csv(options: UsageOptions = {}): Promise<string> {
    const response = await this.#transport.send({
      ...request(options, undefined),
      headers: { accept: 'text/csv' },
    });
    return response.text();
  }
}

function request(options: UsageOptions, cursor: string | undefined): RequestOptions {
  return {
    method: 'GET',
    path: '/v1/usage',
    query: {
      from: options.from,
      to: options.to,
      group_by: options.groupBy?.join(','),
      project: options.project,
      mode: options.mode,
      limit: options.limit?.toString(),
      cursor,
    },
    signal: options.signal,
  };
}
