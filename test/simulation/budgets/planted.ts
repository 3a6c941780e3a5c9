import type { LeaseReportBody } from '@karta/protocol';
import type { Journal } from '../../../packages/doors/src/journal/journal.ts';
import type { Plant } from './plants.ts';
import type { Truth } from './truth.ts';

/** What the doors of a node do where a mistake of theirs is planted; as they are where none is. */

type UsageRecords = Awaited<ReturnType<Journal['unacknowledged']>>;

/** What a report of leases says. */
export function reportOf(
  body: LeaseReportBody,
  plant: Plant | null,
  truth: Truth,
): LeaseReportBody {
  if (plant !== 'a closed block gives back what open calls hold') return body;
  const leases = body.leases.map((lease) => {
    const taken = BigInt(lease.taken) - openOn(lease.lease_id, truth);
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
export function usageOf(records: UsageRecords, plant: Plant | null, now: number): UsageRecords {
  switch (plant) {
    case 'calls that broke off are not booked':
      return records.filter((record) => !isReserved(record.estimated, record.output_tokens));
    case 'a call is booked in the window in which it ends':
      return records.map((record) => ({ ...record, at: new Date(now).toISOString() }));
    case 'events do not say which block they took from':
      return records.map((record) => ({ ...record, spend: { ...record.spend, charges: [] } }));
    default:
      return records;
  }
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
