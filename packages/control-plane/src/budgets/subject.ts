import type { SpendSubject, UsageEvent } from '@karta/protocol';
import type { BudgetRow } from './tables.ts';

/** The object of this cap's scope that a call is counted on; `null` when it has none. */
function subjectOf(scope: BudgetRow['scope'], whom: SpendSubject | UsageEvent): string | null {
  switch (scope) {
    case 'org':
      return whom.org_id;
    case 'end_user':
      return whom.end_user;
    default:
      return whom[`${scope}_id`];
  }
}

/** The object of the cap that a call for `whom` is counted on; `null` when it is not covered. */
export function coveredSubject(
  { scope, scope_id: only }: Pick<BudgetRow, 'scope' | 'scope_id'>,
  whom: SpendSubject | UsageEvent,
): string | null {
  const subject = subjectOf(scope, whom);
  return only === null || only === subject ? subject : null;
}
