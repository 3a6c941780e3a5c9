import { addUsage, NO_USAGE, type WireFamily } from '@karta/protocol';
import { Counter, Gauge, Registry } from 'prom-client';
import { budgetMetrics } from './budgets/metrics.ts';
import { FirstByteTimes } from './first-byte-times.ts';
import type { Settled } from './metering/turn-ledger.ts';

/** How a call ended. */
export type CallOutcome =
  | 'complete'
  | 'refused_here'
  | 'refused_by_provider'
  | 'own_key_refused'
  | 'unreachable'
  | 'cut'
  | 'client_gone'
  | 'failed_here'
  | 'parked';

/** How many calls ended so. */
interface Ending {
  family: WireFamily;
  upstream: string;
  outcome: CallOutcome;
  count: number;
}

/** The doors' metrics. Labels are families, upstreams and outcomes: never an id, never a text. */
export function createMetrics() {
  const registry = new Registry();
  const registers = [registry];
  const calls = new Counter({
    name: 'karta_doors_calls_total',
    help: 'Model calls by how they ended',
    labelNames: ['family', 'upstream', 'outcome'] as const,
    registers,
    collect: tellEnded,
  });
  const retries = new Counter({
    name: 'karta_doors_retries_total',
    help: 'Attempts after one that failed, at the same upstream or at a fallback',
    labelNames: ['upstream', 'reason'] as const,
    registers,
  });
  const tokens = new Counter({
    name: 'karta_doors_tokens_total',
    help: 'Tokens by kind; unattributed: no turn was open, or it was closed before the call ended',
    labelNames: ['kind', 'booking'] as const,
    registers,
    collect: tellTokens,
  });
  const unattributed = new Counter({
    name: 'karta_doors_unattributed_calls_total',
    help: 'Billed calls made while no turn was open',
    registers,
  });
  const estimated = new Counter({
    name: 'karta_doors_estimated_calls_total',
    help: 'Calls whose provider never reported a count',
    registers,
  });
  const firstByte = new FirstByteTimes();
  registry.registerMetric(firstByte.metric);
  const channels = new Gauge({ name: 'karta_doors_channels', help: 'Open channels', registers });
  /** Told when it is read, as all that changes twice a call. */
  const inFlight = { calls: 0 };
  new Gauge({
    name: 'karta_doors_calls_in_flight',
    help: 'Calls that have begun and not ended',
    registers,
    collect() {
      this.set(inFlight.calls);
    },
  });

  const journalBacklog = new Gauge({
    name: 'karta_doors_usage_backlog_records',
    help: 'Calls in the usage journal that the data plane has not fetched',
    registers,
  });
  const journalBytes = new Gauge({
    name: 'karta_doors_usage_journal_bytes',
    help: 'Size of the usage journal on disk',
    registers,
  });
  /** Has the journal's gauges tell how it is whenever they are read. */
  function watchJournal(journal: { backlog: number; bytes: number }): void {
    Object.assign(journalBacklog, { collect: () => journalBacklog.set(journal.backlog) });
    Object.assign(journalBytes, { collect: () => journalBytes.set(journal.bytes) });
  }

  /** Not told yet: to look for the series of a call costs ten times what counting it does. */
  const endings = new Map<string, Ending>();
  function tellEnded(): void {
    for (const { count, ...labels } of endings.values()) calls.inc(labels, count);
    endings.clear();
  }

  /** A call is over. */
  function ended(family: WireFamily, upstream: string, outcome: CallOutcome): void {
    const key = `${family} ${upstream} ${outcome}`;
    const known = endings.get(key);
    if (known === undefined) endings.set(key, { family, upstream, outcome, count: 1 });
    else known.count += 1;
  }

  /** Not told yet. To look for eight series costs more than all other metrics of a call. */
  const untold = { turn: NO_USAGE, unattributed: NO_USAGE };
  function tellTokens(): void {
    for (const booking of ['turn', 'unattributed'] as const) {
      const usage = untold[booking];
      untold[booking] = NO_USAGE;
      tokens.inc({ kind: 'input', booking }, usage.input_tokens);
      tokens.inc({ kind: 'cache_read', booking }, usage.cache_read_tokens);
      tokens.inc({ kind: 'cache_write', booking }, usage.cache_write_tokens);
      tokens.inc({ kind: 'output', booking }, usage.output_tokens);
    }
  }

  /** Books a billed call that is over. */
  function settled({ onTurn, offTurn, estimated: guessed }: Settled, turnId: string | null): void {
    untold.turn = addUsage(untold.turn, onTurn);
    if (offTurn !== NO_USAGE) untold.unattributed = addUsage(untold.unattributed, offTurn);
    if (turnId === null) unattributed.inc();
    if (guessed) estimated.inc();
  }

  const budgets = budgetMetrics(registry);
  return {
    registry,
    retries,
    firstByte,
    channels,
    inFlight,
    ended,
    settled,
    watchJournal,
    budgets,
  };
}

export type Metrics = ReturnType<typeof createMetrics>;
