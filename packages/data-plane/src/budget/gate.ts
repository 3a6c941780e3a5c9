import {
  KartaError,
  type LeasedBudget,
  type SpendCheckAnswer,
  type SpendSubject,
} from '@karta/protocol';
import { type DoorsClient, DoorsError } from '../runner/doors/doors-client.ts';

/** Orgs of which is remembered that they have no cap; one too many makes it ask anew for all. */
const MAX_ORGS = 100_000;
/** When to try again where the doors cannot tell, in seconds. */
const RETRY_S = 5;

/** Refuses a message before anything runs, when a cap that covers it is used up. */
export interface SpendGate {
  /**
   * Nothing to wait for where the org has no cap, as the doors have told a moment ago. `tells`: the
   * refusal names the cap. Rejects with `KartaError`: `budget_exhausted`, `subscription_unpaid`,
   * `control_unavailable`.
   */
  require(subject: SpendSubject, tells: boolean): Promise<void> | undefined;
  /** The budgets of these orgs have changed. */
  forget(orgIds: readonly string[]): void;
}

export interface SpendGateParts {
  doors: Pick<DoorsClient, 'checkSpend'>;
  grantOf(orgId: string): string | null;
  /** Whether the control plane has told that the org's subscription is not paid. */
  unpaid?(orgId: string): boolean;
  /** A clock that never goes back, in milliseconds. */
  now?: () => number;
}

export function createSpendGate(parts: SpendGateParts): SpendGate {
  const { doors, grantOf, unpaid, now = () => performance.now() } = parts;
  /** Until when an org counts as one without a cap. */
  const uncapped = new Map<string, number>();
  let changes = 0;

  async function ask(subject: SpendSubject, tells: boolean): Promise<void> {
    const { org_id: orgId } = subject;
    const before = changes;
    const asked = now();
    const answer = await checked(doors, { subject, org_grant: grantOf(orgId) });
    if (!answer.allowed) throw exhausted(answer.budget, tells);
    // What was told may be older than a change that was announced meanwhile.
    if (answer.capped || before !== changes) return;
    if (uncapped.size >= MAX_ORGS) uncapped.clear();
    uncapped.set(orgId, asked + answer.valid_ms);
  }

  return {
    require(subject, tells) {
      if (unpaid?.(subject.org_id)) return Promise.reject(notPaid(tells));
      const until = uncapped.get(subject.org_id);
      if (until !== undefined && now() < until) return undefined;
      return ask(subject, tells);
    },
    forget(orgIds) {
      changes += 1;
      for (const orgId of orgIds) uncapped.delete(orgId);
    },
  };
}

async function checked(
  doors: SpendGateParts['doors'],
  question: Parameters<DoorsClient['checkSpend']>[0],
): Promise<SpendCheckAnswer> {
  try {
    return await doors.checkSpend(question);
  } catch (cause) {
    if (!(cause instanceof DoorsError)) throw cause;
    throw new KartaError('control_unavailable', 'It cannot be told whether a budget is left.', {
      retryAfter: RETRY_S,
      cause,
    });
  }
}

/** The refusal; whoever holds a session token learns of no cap but when it resets. */
function exhausted(budget: Omit<LeasedBudget, 'lease'>, tells: boolean): KartaError {
  const { budget_id: id, scope, scope_id, metric, window, limit, left, window_end } = budget;
  const resets = window_end === null ? '' : ` It resets at ${window_end}.`;
  const what = `The cap on ${metric.replace('_', ' ')} of the ${scope.replace('_', ' ')}`;
  const detail = tells ? `${what} ${scope_id} is used up.` : 'The budget is used up.';
  const wait = window_end === null ? {} : { retryAfter: secondsUntil(window_end) };
  const shown = { id, scope, scope_id, metric, window, limit, left };
  return new KartaError('budget_exhausted', `${detail}${resets}`, {
    ...wait,
    extra: {
      reason: 'cap_reached',
      resets_at: window_end,
      ...(tells && { budget: shown }),
    },
  });
}

/** An end user learns that nothing runs, not why. */
function notPaid(tells: boolean): KartaError {
  if (tells) {
    return new KartaError('subscription_unpaid', undefined, {
      extra: { reason: 'subscription_unpaid' },
    });
  }
  return new KartaError('budget_exhausted', 'The budget is used up.', {
    extra: { reason: 'cap_reached', resets_at: null },
  });
}

function secondsUntil(moment: string): number {
  return Math.max(1, Math.ceil((Date.parse(moment) - Date.now()) / 1_000));
}
