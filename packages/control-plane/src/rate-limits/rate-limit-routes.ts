import {
  createOperatorRateLimitBody,
  createRateLimitBody,
  operatorRateLimit,
  operatorRateLimitList,
  patchRateLimitBody,
  rateLimit,
  rateLimitList,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import type { OperatorRateLimits, RateLimits } from './rate-limits.ts';

const tag = 'rate limits';
const path = '/v1/rate_limits';
const onePath = `${path}/{rate_limit_id}`;

/** The rate limits of an org: set, list, change, remove. */
export function rateLimitRoutes(limits: RateLimits): BoundRoute[] {
  const one = { 'application/json': rateLimit };
  return [
    defineRoute({
      id: 'createRateLimit',
      summary: 'Limit requests and tokens per minute, or turns at the same time',
      tag,
      method: 'post',
      path,
      access: 'rate_limits.manage',
      body: createRateLimitBody,
      answers: { 201: { description: 'The limit', content: one } },
      handle: async ({ caller, body }) => json(201, await limits.create(caller, body)),
    }),
    defineRoute({
      id: 'listRateLimits',
      summary: 'Rate limits that rule in the org, those of the operator too, newest first',
      tag,
      method: 'get',
      path,
      access: 'rate_limits.read',
      answers: { 200: { description: 'Limits', content: { 'application/json': rateLimitList } } },
      handle: async ({ caller }) =>
        json(200, { rate_limits: await limits.list(caller.orgId), next_cursor: null }),
    }),
    defineRoute({
      id: 'getRateLimit',
      summary: 'A rate limit',
      tag,
      method: 'get',
      path: onePath,
      access: 'rate_limits.read',
      answers: { 200: { description: 'The limit', content: one } },
      handle: async ({ caller, param }) =>
        json(200, await limits.get(caller.orgId, param('rate_limit_id'))),
    }),
    defineRoute({
      id: 'updateRateLimit',
      summary: 'Change the figures of a rate limit; it counts within a second',
      tag,
      method: 'patch',
      path: onePath,
      access: 'rate_limits.manage',
      body: patchRateLimitBody,
      answers: { 200: { description: 'The limit', content: one } },
      handle: async ({ caller, body, param }) =>
        json(200, await limits.change(caller, param('rate_limit_id'), body)),
    }),
    defineRoute({
      id: 'deleteRateLimit',
      summary: 'Remove a rate limit',
      tag,
      method: 'delete',
      path: onePath,
      access: 'rate_limits.manage',
      answers: { 204: { description: 'Removed' } },
      async handle({ caller, param }) {
        await limits.remove(caller, param('rate_limit_id'));
        return noContent();
      },
    }),
  ];
}

/** The limits that operators set, on the admin plane. No org can raise them. */
export function operatorRateLimitRoutes(limits: OperatorRateLimits): BoundRoute[] {
  const one = { 'application/json': operatorRateLimit };
  return [
    defineRoute({
      id: 'createOperatorRateLimit',
      summary: 'Limit each object of a kind in every org, or otherwise in one',
      tag,
      method: 'post',
      path,
      access: 'operator',
      body: createOperatorRateLimitBody,
      answers: { 201: { description: 'The limit', content: one } },
      handle: async ({ caller, body }) => json(201, await limits.create(caller, body)),
    }),
    defineRoute({
      id: 'listOperatorRateLimits',
      summary: 'Rate limits that operators have set, newest first',
      tag,
      method: 'get',
      path,
      access: 'operator',
      answers: {
        200: { description: 'Limits', content: { 'application/json': operatorRateLimitList } },
      },
      handle: async () => json(200, { rate_limits: await limits.list(), next_cursor: null }),
    }),
    defineRoute({
      id: 'updateOperatorRateLimit',
      summary: 'Change the figures of such a limit',
      tag,
      method: 'patch',
      path: onePath,
      access: 'operator',
      body: patchRateLimitBody,
      answers: { 200: { description: 'The limit', content: one } },
      handle: async ({ caller, body, param }) =>
        json(200, await limits.change(caller, param('rate_limit_id'), body)),
    }),
    defineRoute({
      id: 'deleteOperatorRateLimit',
      summary: 'Remove such a limit',
      tag,
      method: 'delete',
      path: onePath,
      access: 'operator',
      answers: { 204: { description: 'Removed' } },
      async handle({ caller, param }) {
        await limits.remove(caller, param('rate_limit_id'));
        return noContent();
      },
    }),
  ];
}
