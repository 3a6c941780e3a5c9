import {
  abuseQuery,
  abuseReport,
  enrollBody,
  isoTime,
  operator,
  operatorLink,
  operatorList,
  passwordResetBody,
  passwordResetLink,
  rotatedTokenKeys,
  rotateTokenKeysBody,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import type { Login } from '../identity/login.ts';
import type { Database } from '../sql/database.ts';
import type { TokenKeys } from '../tokens/token-keys.ts';
import { abuseReportOf } from './abuse.ts';
import { type Operators, platformActor } from './operators.ts';
import { passwordResetLinkFor } from './reset-links.ts';

export interface OperatorRoutesDeps {
  operators: Operators;
  database: Database;
  /** Of people, not of operators. */
  people: { login: Login; publicUrl: string };
  tokenKeys: TokenKeys;
  /** Where operators reach the admin plane. */
  adminUrl: () => string;
}

/** Operators themselves, keys of the server, and the view of abuse. */
export function operatorRoutes(deps: OperatorRoutesDeps): BoundRoute[] {
  const { operators, database, people, tokenKeys, adminUrl } = deps;
  return [
    defineRoute({
      id: 'enroll',
      summary: 'Become an operator by a one-time link',
      tag: 'operators',
      method: 'post',
      path: '/v1/enroll',
      access: 'open',
      body: enrollBody,
      answers: { 201: { description: 'The operator', content: { 'application/json': operator } } },
      handle: async ({ body }) => json(201, await operators.enroll(body)),
    }),
    defineRoute({
      id: 'listOperators',
      summary: 'Who runs this server',
      tag: 'operators',
      method: 'get',
      path: '/v1/operators',
      access: 'operator',
      answers: { 200: { description: 'Operators', content: { 'application/json': operatorList } } },
      handle: async () => json(200, { operators: await operators.list(), next_cursor: null }),
    }),
    defineRoute({
      id: 'createOperatorLink',
      summary: 'A one-time link for a further operator, shown only here',
      tag: 'operators',
      method: 'post',
      path: '/v1/operators/links',
      access: 'operator',
      answers: { 201: { description: 'The link', content: { 'application/json': operatorLink } } },
      async handle({ caller }) {
        const { token, expiresAt } = await operators.link(caller);
        return json(201, { link: enrollLink(adminUrl(), token), expires_at: isoTime(expiresAt) });
      },
    }),
    defineRoute({
      id: 'removeOperator',
      summary: 'Remove an operator; the last one stays',
      tag: 'operators',
      method: 'delete',
      path: '/v1/operators/{operator_id}',
      access: 'operator',
      answers: { 204: { description: 'Removed' } },
      async handle({ caller, param }) {
        await operators.remove(caller, param('operator_id'));
        return noContent();
      },
    }),
    defineRoute({
      id: 'rotateTokenKeys',
      summary: 'A fresh key for session tokens; at once when the former is compromised',
      tag: 'server',
      method: 'post',
      path: '/v1/token_keys/rotate',
      access: 'operator',
      body: rotateTokenKeysBody,
      answers: {
        200: { description: 'The key', content: { 'application/json': rotatedTokenKeys } },
      },
      handle: async ({ caller, body }) =>
        json(200, await tokenKeys.rotate(platformActor(caller), body)),
    }),
    defineRoute({
      id: 'createPasswordReset',
      summary: 'A link by which a person chooses a new password, shown only here',
      tag: 'people',
      method: 'post',
      path: '/v1/people/password_resets',
      access: 'operator',
      body: passwordResetBody,
      answers: {
        201: { description: 'The link', content: { 'application/json': passwordResetLink } },
      },
      handle: async ({ caller, body }) =>
        json(201, await passwordResetLinkFor({ database, ...people }, caller, body.email)),
    }),
    defineRoute({
      id: 'getAbuse',
      summary: 'Top spenders, error rates and violations of sandboxes, by org',
      tag: 'server',
      method: 'get',
      path: '/v1/abuse',
      access: 'operator',
      query: abuseQuery,
      answers: { 200: { description: 'Counts', content: { 'application/json': abuseReport } } },
      handle: async ({ query }) => json(200, await abuseReportOf(database, query)),
    }),
  ];
}

/** The token stands behind `#`, which browsers keep to themselves and no server logs. */
export function enrollLink(adminUrl: string, token: string): string {
  return `${adminUrl}/enroll#token=${token}`;
}
