import type {
  OrgRateLimits,
  RateFigure,
  RateFigures,
  RateLimitRule,
  RateLimitScope,
} from '@karta/protocol';
import type { RateObject } from './rate-subject.ts';

/** What one figure allows a subject on this node. */
export interface AppliedLimit {
  /** The limit that is the tightest. */
  rule: RateLimitRule;
  /** Its figure. */
  figure: number;
  /** The share of it that this node may use, at least 1. */
  share: number;
}

/** The rate limits that this node was told of, to be looked up in. */
export interface RateRules {
  /** The tightest limit of a figure on an object; `null`: none. */
  of(object: RateObject, figure: RateFigure): AppliedLimit | null;
}

/**
 * A limit on one object stands in for the limit on each of its kind, and an operator's for one org
 * for the operator's on all, figure by figure. Of the org's and the operator's the tighter rules.
 * Several nodes share a limit equally, so that together they never exceed it.
 */
export function rateRules(records: readonly OrgRateLimits[], nodes: number): RateRules {
  const rules = new Map<string, RateLimitRule>();
  const limited = new Set<string | null>();
  for (const { org_id, limits } of records) {
    if (limits.length > 0) limited.add(org_id);
    for (const rule of limits) {
      rules.set(placeOf(org_id, rule.set_by, rule.scope, rule.scope_id), rule);
    }
  }

  return {
    of({ org: orgId, scope, id }, figure) {
      if (!limited.has(null) && !limited.has(orgId)) return null;
      const first = (...places: string[]) => {
        for (const place of places) {
          const rule = rules.get(place);
          if (rule !== undefined && rule[figure] !== null) return rule;
        }
        return null;
      };
      const own = first(placeOf(orgId, 'org', scope, id), placeOf(orgId, 'org', scope, null));
      const operators = first(
        placeOf(orgId, 'operator', scope, null),
        placeOf(null, 'operator', scope, null),
      );
      return applied(tighter(own, operators, figure), figure, nodes);
    },
  };
}

function placeOf(
  orgId: string | null,
  setBy: RateLimitRule['set_by'],
  scope: RateLimitScope,
  id: string | null,
): string {
  return `${orgId ?? ''} ${setBy} ${scope}${id === null ? '' : ` ${id}`}`;
}

function tighter(
  own: RateLimitRule | null,
  operators: RateLimitRule | null,
  figure: keyof RateFigures,
): RateLimitRule | null {
  if (own === null || operators === null) return own ?? operators;
  return (operators[figure] ?? 0) < (own[figure] ?? 0) ? operators : own;
}

function applied(
  rule: RateLimitRule | null,
  figure: RateFigure,
  nodes: number,
): AppliedLimit | null {
  const most = rule?.[figure] ?? null;
  if (rule === null || most === null) return null;
  return { rule, figure: most, share: Math.max(1, Math.floor(most / nodes)) };
}
