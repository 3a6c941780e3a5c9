import { auditExportQuery, auditKeys, auditLine, auditList, auditQuery } from '@karta/protocol';
import { type BoundRoute, defineRoute, json } from '../http/route.ts';
import type { Audit } from './audit.ts';
import { ndjson } from './ndjson.ts';
import { PLATFORM_ORG } from './record.ts';

/** The server's own audit log, on the admin plane: what operators did. */
export function operatorAuditRoutes({ log, heads }: Pick<Audit, 'log' | 'heads'>): BoundRoute[] {
  return [
    defineRoute({
      id: 'listAudit',
      summary: 'What operators did, the newest first',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit',
      access: 'operator',
      query: auditQuery,
      answers: { 200: { description: 'Events', content: { 'application/json': auditList } } },
      handle: async ({ query }) => json(200, await log.list(PLATFORM_ORG, query)),
    }),
    defineRoute({
      id: 'exportAudit',
      summary: 'The whole log as lines of JSON, closed by a signed head',
      tag: 'audit',
      method: 'get',
      path: '/v1/audit/export',
      access: 'operator',
      query: auditExportQuery,
      answers: { 200: { description: 'Lines', content: { 'application/x-ndjson': auditLine } } },
      handle: async ({ query }) => ndjson(log.export(PLATFORM_ORG, query.from ?? 1)),
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
