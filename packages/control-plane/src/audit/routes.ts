import {
  auditExportQuery,
  auditHead,
  auditHeadList,
  auditKeys,
  auditLine,
  auditList,
  auditQuery,
} from '@karta/protocol';
import { z } from 'zod';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { AuditHeads } from './heads.ts';
import type { AuditLog } from './log.ts';
import { ndjson } from './ndjson.ts';

const HEADS_PAGE = 100;
const headsQuery = z.object({
  cursor: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
});

/** The audit log: read, narrowed, exported with a signed head, and the keys to check it with. */
export function auditRoutes(log: AuditLog, heads: AuditHeads): BoundRoute[] {
  return [
    defineRoute({
      id: 'listAudit',
      summary: 'Who did what, the newest first',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit',
      access: 'audit.read',
      query: auditQuery,
      answers: { 200: { description: 'Events', content: { 'application/json': auditList } } },
      handle: async ({ caller, query }) => json(200, await log.list(caller.orgId, query)),
    }),
    defineRoute({
      id: 'exportAudit',
      summary: 'The whole log as lines of JSON, closed by a signed head',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit/export',
      access: 'audit.read',
      query: auditExportQuery,
      answers: { 200: { description: 'Lines', content: { 'application/x-ndjson': auditLine } } },
      handle: async ({ caller, query }) => ndjson(log.export(caller.orgId, query.from ?? 1)),
    }),
    defineRoute({
      id: 'getAuditHead',
      summary: 'The end of the log now, signed: keep it elsewhere',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit/head',
      access: 'audit.read',
      answers: { 200: { description: 'The head', content: { 'application/json': auditHead } } },
      handle: async ({ caller }) => json(200, await heads.current(caller.orgId)),
    }),
    defineRoute({
      id: 'listAuditHeads',
      summary: 'Heads as they were signed, hourly and at exports, the newest first',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit/heads',
      access: 'audit.read',
      query: headsQuery,
      answers: { 200: { description: 'Heads', content: { 'application/json': auditHeadList } } },
      async handle({ caller, query }) {
        const before = query.cursor === undefined ? null : Number(query.cursor);
        const found = await heads.list(caller.orgId, before, HEADS_PAGE + 1);
        const shown = found.slice(0, HEADS_PAGE);
        const cursor = found.length > HEADS_PAGE ? String(shown.at(-1)?.seq) : null;
        return json(200, { heads: shown, next_cursor: cursor });
      },
    }),
    defineRoute({
      id: 'listAuditKeys',
      summary: 'Public keys of signed heads',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit/keys',
      access: 'open',
      answers: { 200: { description: 'Keys', content: { 'application/json': auditKeys } } },
      handle: async () => json(200, await heads.keys()),
    }),
  ];
}
