import { costOf, type LeaseAnswer, type LeaseBody, type LeaseReportBody } from '@karta/protocol';
import type { Journal } from '../../../packages/doors/src/journal/journal.ts';
import type { Plant } from './plants.ts';
import type { BookPrice } from './prices.ts';
import type { TrueCall, Truth } from './truth.ts';

/** What the doors of a node do where a mistake of theirs is planted; as they are where none is. */

type UsageRecords = Awaited<ReturnType<Journal['unacknowledged']>>;

/** What a report of leases says. */
export function reportOf(
  body: LeaseReportBody,
  plant: Plant | null,
  truth: Truth,
): LeaseReportBody {
  const givenBack = {
    'a closed block gives back what open calls hold': (id: string) => openOn(id, truth),
    'what a call leaves over returns twice': (id: string) => truth.leftOverOf(id),
  };
  if (plant === null || !(plant in givenBack)) return body;
  const more = givenBack[plant as keyof typeof givenBack];
  const leases = body.leases.map((lease) => {
    const taken = BigInt(lease.taken) - more(lease.lease_id);
    return { ...lease, taken: (taken > 0n ? taken : 0n).toString() };
  });
  return { ...body, leases };
}

/** What the calls that are under way hold of a lease. */
function openOn(leaseId: string, truth: Truth): bigint {
  let open = 0n;
  for (const { charges, settled, free } of truth.calls.values()) {
    if (settled !== null || free) continue;
    for (const { lease_id, amount } of charges) if (lease_id === leaseId) open += BigInt(amount);
  }
  return open;
}

/** What the outbox is told of the journal's calls. */
export function usageOf(
  records: UsageRecords,
  plant: Plant | null,
  {
    now,
    truth,
    incarnation,
    priced,
  }: { now: number; truth: Truth; incarnation: number; priced: BookPrice },
): UsageRecords {
  switch (plant) {
    case 'calls that broke off are not booked':
      return records.filter((record) => !isReserved(record.estimated, record.output_tokens));
    case 'a call is booked in the window in which it ends':
      return records.map((record) => ({ ...record, at: new Date(now).toISOString() }));
    case 'events do not say which block they took from':
      return records.map((record) => ({ ...record, spend: { ...record.spend, charges: [] } }));
    case 'what doors that have ended settled is booked as it was reserved':
      return records.map((record) => {
        const call = truth.calls.get(record.id);
        const settledBefore = call?.settled != null && call.incarnation < incarnation;
        return settledBefore ? reservedOf(record, call) : record;
      });
    case 'a call costs what its model costs when it is over':
      return records.map((record) => {
        if (truth.calls.get(record.id)?.priced === priced) return record;
        const cost = costOf(priced.price, record).toString();
        return { ...record, spend: { ...record.spend, cost } };
      });
    default:
      return records;
  }
}

/** The record of a call of which only the beginning is known. */
function reservedOf(record: UsageRecords[number], call: TrueCall): UsageRecords[number] {
  const { input_tokens: input, output_tokens: output, cost } = call.reserved;
  return {
    ...record,
    ...{ input_tokens: Number(input), output_tokens: Number(output), estimated: true },
    spend: { ...record.spend, cost: cost.toString(), charges: [...call.charges] },
  };
}

/** What the control plane understands of a question for leases. */
export function askedOf(body: LeaseBody, plant: Plant | null): LeaseBody {
  if (plant !== 'nothing is left where all that is wanted is not left') return body;
  const larger = (metric: keyof LeaseBody['wanted']) => {
    const [a, b] = [body.minimum[metric], body.wanted[metric]];
    return BigInt(a) > BigInt(b) ? a : b;
  };
  return {
    ...body,
    minimum: {
      input_tokens: larger('input_tokens'),
      output_tokens: larger('output_tokens'),
      cost: larger('cost'),
    },
  };
}

/** What the node hears of an answer about leases. */
export function heardOf(answer: LeaseAnswer, plant: Plant | null): LeaseAnswer {
  if (plant !== 'nothing is left where all that is wanted is not left') return answer;
  const budgets = answer.budgets.map((budget) =>
    budget.lease === null ? { ...budget, left: '0' } : budget,
  );
  return { ...answer, budgets };
}

function isReserved(estimated: boolean, output: number): boolean {
  return estimated && output > 1;
}

/** The journal in which a call's beginning is written. */
export function journalOf(journal: Journal, plant: Plant | null): Journal {
  return plant === 'a call is sent before its reservation is on disk'
    ? withoutFlush(journal)
    : journal;
}

/** A journal that says that a reservation is on disk before it is. */
function withoutFlush(journal: Journal): Journal {
  return new Proxy(journal, {
    get(target, name) {
      if (name === 'begin') return (call: never) => target.begin(call, false);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
