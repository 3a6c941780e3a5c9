import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CallAdmission } from '../budgets/call-admission.ts';
import { epochFile } from '../budgets/epoch-count.ts';
import { LeaseBook } from '../budgets/lease-book.ts';
import { TEND_MS } from '../budgets/limits.ts';
import { TurnCheck } from '../budgets/turn-check.ts';
import type { OrgLink } from '../control/org-link.ts';
import type { Journal } from '../journal/journal.ts';
import type { Metrics } from '../metrics.ts';
import { PriceSource } from '../prices/price-source.ts';

/** Beside the journal, which it outlives no more than the leases in it. */
const EPOCH_FILE = 'epoch';
/** How long an orderly end waits for the control plane, in milliseconds. */
const STOP_MS = 1_000;

/** The budgets of a process that serves. */
export interface Budgets {
  admission: CallAdmission;
  turnCheck: TurnCheck;
  /** Forgets what is known of these orgs. */
  forget(orgIds: readonly string[]): void;
  /** Begins to look after leases, once the journal has been read. */
  start(): void;
  /** Tells what was taken and gives everything back, as far as the control plane can be reached. */
  stop(): Promise<void>;
}

/** Sets up the budgets; without `orgs` nobody has any. */
export function openBudgets(
  orgs: OrgLink | null,
  journal: Journal,
  { budgets: metrics }: Metrics,
  log: Logger,
): Budgets {
  const prices = new PriceSource(orgs?.control ?? null, log);
  const epochs = epochFile(join(journal.folder, EPOCH_FILE));
  const book =
    orgs === null
      ? null
      : new LeaseBook({
          ...{ control: orgs.control, staleMs: orgs.staleMs },
          ...{ totals: journal, epochs, log },
        });
  const capped = orgs === null || book === null ? null : { link: orgs, book };
  if (book !== null) metrics.watchLeases(book.link);
  let tending: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  return {
    admission: new CallAdmission({ orgs: capped, prices, metrics, log }),
    turnCheck: new TurnCheck(capped, metrics),
    forget(orgIds) {
      orgs?.rules.forget(orgIds);
      orgs?.keys.forget(orgIds);
      book?.invalidate(orgIds);
    },
    start() {
      if (book === null) return;
      timer = setInterval(() => {
        tending ??= book.tend().finally(() => {
          tending = null;
        });
      }, TEND_MS).unref();
    },
    async stop() {
      if (timer !== null) clearInterval(timer);
      // What cannot be told now the next start reads in the journal and tells.
      const late = pause(STOP_MS, undefined, { ref: false });
      await Promise.race([late, tending?.then(() => book?.close()) ?? book?.close()]);
    },
  };
}
