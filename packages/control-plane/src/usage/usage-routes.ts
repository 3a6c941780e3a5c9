import { Readable } from 'node:stream';
import { KartaError, type UsageQuery, usageQuery, usageReport } from '@karta/protocol';
import { z } from 'zod';
import type { OrgActor } from '../http/actor.ts';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { Database } from '../sql/database.ts';
import { daysOf, usageReportOf } from './report.ts';
import { usageCsv } from './report-csv.ts';

/** What an org used. */
export function usageRoutes(database: Database): BoundRoute[] {
  return [
    defineRoute({
      id: 'getUsage',
      summary: 'Model calls and tokens by day, model, provider, project, key, end user',
      tag: 'usage',
      method: 'get',
      path: '/v1/usage',
      access: 'usage.read',
      query: usageQuery,
      answers: {
        200: {
          description: 'Sums, ordered by the groups; as CSV for `accept: text/csv`',
          content: { 'application/json': usageReport, 'text/csv': z.string() },
        },
      },
      async handle({ caller, query: asked, context }) {
        const query = within(caller, asked);
        if (!wantsCsv(context.req.header('accept'))) {
          return json(200, await usageReportOf(database, caller.orgId, query));
        }
        const { from, to } = daysOf(query, new Date());
        const rows = Readable.from(usageCsv(database, caller.orgId, query), { objectMode: false });
        return new Response(Readable.toWeb(rows) as ReadableStream<Uint8Array>, {
          headers: {
            'content-type': 'text/csv; charset=utf-8',
            'content-disposition': `attachment; filename="usage-${from}-${to}.csv"`,
            'cache-control': 'no-store',
          },
        });
      },
    }),
  ];
}

/** A key sees what keys of its own mode spent; people see both. */
function within({ mode }: OrgActor, query: UsageQuery): UsageQuery {
  if (mode === undefined) return query;
  if (query.mode !== undefined && query.mode !== mode) {
    throw new KartaError('forbidden', `A ${mode} key sees the usage of ${mode} keys only.`);
  }
  return { ...query, mode };
}

function wantsCsv(accept: string | undefined): boolean {
  return (accept ?? '').split(',').some((type) => /^\s*text\/csv\s*(;|$)/i.test(type));
}
