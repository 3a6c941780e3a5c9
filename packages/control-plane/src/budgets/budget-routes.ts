import {
  budget,
  budgetList,
  budgetUseList,
  budgetUseQuery,
  createBudgetBody,
  pageQuery,
  patchBudgetBody,
} from '@karta/protocol';
import { type BoundRoute, defineRoute, json, noContent } from '../http/route.ts';
import type { Budgets } from './budgets.ts';

const one = { 'application/json': budget };
const tag = 'budgets';

/** The caps of an org: create, list, change, remove, and what was used of them. */
export function budgetRoutes(budgets: Budgets): BoundRoute[] {
  return [
    defineRoute({
      id: 'createBudget',
      summary: 'Cap tokens or cost; what was spent in its window before counts',
      tag,
      method: 'post',
      path: '/v1/budgets',
      access: 'budgets.manage',
      body: createBudgetBody,
      answers: { 201: { description: 'The budget', content: one } },
      handle: async ({ caller, body }) => json(201, await budgets.create(caller, body)),
    }),
    defineRoute({
      id: 'listBudgets',
      summary: 'Budgets with what was used of them, newest first',
      tag,
      method: 'get',
      path: '/v1/budgets',
      access: 'budgets.read',
      query: pageQuery,
      answers: { 200: { description: 'Budgets', content: { 'application/json': budgetList } } },
      async handle({ caller, query }) {
        const page = await budgets.list(caller.orgId, query);
        return json(200, { budgets: page.budgets, next_cursor: page.nextCursor });
      },
    }),
    defineRoute({
      id: 'getBudget',
      summary: 'A budget: spent, reserved, left, when it resets',
      tag,
      method: 'get',
      path: '/v1/budgets/{budget_id}',
      access: 'budgets.read',
      answers: { 200: { description: 'The budget', content: one } },
      handle: async ({ caller, param }) =>
        json(200, await budgets.get(caller.orgId, param('budget_id'))),
    }),
    defineRoute({
      id: 'getBudgetUsage',
      summary: 'Who used most of a budget in its window now',
      tag,
      method: 'get',
      path: '/v1/budgets/{budget_id}/usage',
      access: 'budgets.read',
      query: budgetUseQuery,
      answers: { 200: { description: 'Users', content: { 'application/json': budgetUseList } } },
      handle: async ({ caller, param, query }) =>
        json(200, { usage: await budgets.usage(caller.orgId, param('budget_id'), query) }),
    }),
    defineRoute({
      id: 'updateBudget',
      summary: 'Raise or lower a limit; it counts at once',
      tag,
      method: 'patch',
      path: '/v1/budgets/{budget_id}',
      access: 'budgets.manage',
      body: patchBudgetBody,
      answers: { 200: { description: 'The budget', content: one } },
      handle: async ({ caller, body, param }) =>
        json(200, await budgets.change(caller, param('budget_id'), body)),
    }),
    defineRoute({
      id: 'deleteBudget',
      summary: 'Remove a budget',
      tag,
      method: 'delete',
      path: '/v1/budgets/{budget_id}',
      access: 'budgets.manage',
      answers: { 204: { description: 'Removed' } },
      async handle({ caller, param }) {
        await budgets.remove(caller, param('budget_id'));
        return noContent();
      },
    }),
  ];
}
