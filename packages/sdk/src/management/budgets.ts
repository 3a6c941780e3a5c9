import type {
  BudgetUse,
  BudgetUseList,
  BudgetUseQuery,
  BudgetView,
  CreateBudgetBody,
  PatchBudgetBody,
  SpendSettings,
} from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';

/** Caps on tokens and cost, and what was used of them. */
export class Budgets {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options: PageOptions = {}): PagedList<BudgetView> {
    return listOf(this.#transport, '/v1/budgets', 'budgets', options);
  }

  /** What was spent in its window before counts from the start. */
  create(body: CreateBudgetBody): Promise<BudgetView> {
    return this.#transport.json({ method: 'POST', path: '/v1/budgets', json: body });
  }

  get(id: string): Promise<BudgetView> {
    return this.#transport.json({ method: 'GET', path: budgetPath(id) });
  }

  /** Raises or lowers the limit; it counts at once. */
  update(id: string, change: PatchBudgetBody): Promise<BudgetView> {
    return this.#transport.json({ method: 'PATCH', path: budgetPath(id), json: change });
  }

  async delete(id: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: budgetPath(id), goneIsDone: true });
  }

  /** Who used most of it in the window now; `scope_id`: one object alone. */
  async usage(id: string, { scope_id, limit }: BudgetUseQuery = {}): Promise<BudgetUse[]> {
    const query = { scope_id, limit: limit === undefined ? undefined : String(limit) };
    const path = `${budgetPath(id)}/usage`;
    return (await this.#transport.json<BudgetUseList>({ method: 'GET', path, query })).usage;
  }

  settings(): Promise<SpendSettings> {
    return this.#transport.json({ method: 'GET', path: '/v1/spend_settings' });
  }

  setSettings(settings: SpendSettings): Promise<SpendSettings> {
    return this.#transport.json({ method: 'PATCH', path: '/v1/spend_settings', json: settings });
  }
}

function budgetPath(id: string): string {
  return `/v1/budgets/${encodeURIComponent(id)}`;
}
