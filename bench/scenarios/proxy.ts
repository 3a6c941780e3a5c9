import { Caller, press, requestTo } from '../proxy/load.ts';
import {
  cpuMs,
  type Doors,
  type Process,
  residentBytes,
  startChannel,
  startFetching,
  startPeer,
  startUpstream,
} from '../proxy/processes.ts';
import { requestBody } from '../proxy/script.ts';
import { ms, type Result, ratio, type Scenario } from '../scenario.ts';
import { median, quantile } from '../statistics.ts';

const TIMES_PEER = 5;
const ADDED_MEDIAN_MS = 0.5;
const ADDED_P99_MS = 2;
/** What a heap may differ by that does not grow; a record a stream would be a hundred times as much. */
const GROWTH_BYTES = 16 * 1024 * 1024;
const CONNECTIONS = 16;

/**
 * What the doors cost between a harness and its provider: a process of theirs, a channel with its
 * socket and credential, metering and the journal on disk, against the same provider asked directly
 * and against a gateway of the same kind. The provider is scripted and has no latency; all of them
 * are asked in turn within one run. Beside each rate stands the processor time of a request, which
 * other work on the machine changes least.
 */
export const proxy: Scenario = {
  name: 'proxy',
  target: `≥ ${TIMES_PEER}× the peer's requests/s, ≤ ${ADDED_MEDIAN_MS} ms more to the first byte (p99 ${ADDED_P99_MS}), memory flat`,
  async run({ quick }) {
    const upstream = await startUpstream();
    const running: Pick<Process, 'stop'>[] = [upstream];
    try {
      const doors = await startChannel(upstream.port);
      running.push(doors);
      const peer = await startPeer(upstream.port);
      running.push(peer);
      running.push(startFetching(doors));
      const rates = await compare([upstream, doors, peer], quick);
      const first = await firstBytes([upstream, doors], quick ? 500 : 5_000);
      const memory = await growth(doors, quick ? 5_000 : 100_000);
      return summary(rates, first, memory);
    } finally {
      for (const { stop } of running.reverse()) await stop();
    }
  },
};

interface Rate {
  perSecond: number;
  cpuUs: number;
}
type Rates = Record<'unary' | 'stream', Record<string, Rate>>;

/** Requests a second of each, in rounds of some seconds, after one that does not count. */
async function compare(served: readonly Process[], quick: boolean): Promise<Rates> {
  const rates: Rates = { unary: {}, stream: {} };
  for (const kind of ['unary', 'stream'] as const) {
    const sums = served.map(() => ({ requests: 0, ms: 0, cpu: 0 }));
    const rounds = quick ? 2 : 4;
    for (let round = 0; round <= rounds; round += 1) {
      const order = [...served.keys()];
      for (const index of round % 2 === 0 ? order : order.reverse()) {
        const one = served[index];
        const sum = sums[index];
        if (one === undefined || sum === undefined) continue;
        const took = await pressed(one, kind === 'stream', quick ? 2_000 : 5_000);
        if (round === 0) continue;
        sum.requests += took.requests;
        sum.ms += took.ms;
        sum.cpu += took.cpu;
      }
    }
    for (const [index, { served: who }] of served.entries()) {
      const { requests, ms, cpu } = sums[index] ?? { requests: 0, ms: 0, cpu: 0 };
      rates[kind][who.name] = {
        perSecond: (requests / ms) * 1_000,
        cpuUs: (cpu / requests) * 1_000,
      };
    }
  }
  return rates;
}

async function pressed({ served, pid }: Process, stream: boolean, forMs: number) {
  const callers = await Promise.all(Array.from({ length: CONNECTIONS }, () => Caller.open(served)));
  const [began, cpu] = [performance.now(), await cpuMs(pid)];
  const request = requestTo(served, requestBody(stream));
  const requests = await press(callers, request, () => performance.now() - began < forMs);
  const took = { requests, ms: performance.now() - began, cpu: (await cpuMs(pid)) - cpu };
  for (const caller of callers) caller.close();
  return took;
}

/** Milliseconds to the first byte of a stream by one connection, both in turn. */
async function firstBytes(served: readonly [Process, Process], rounds: number) {
  const [direct, through] = await Promise.all(
    served.map(async ({ served: who }) => ({
      caller: await Caller.open(who),
      request: requestTo(who, requestBody(true)),
      times: [] as number[],
    })),
  );
  if (direct === undefined || through === undefined) throw new Error('nobody is asked');
  for (let round = 0; round < rounds; round += 1) {
    for (const { caller, request, times } of round % 2 === 0
      ? [direct, through]
      : [through, direct]) {
      const began = performance.now();
      times.push((await caller.call(request)) - began);
    }
  }
  for (const { caller } of [direct, through]) caller.close();
  return { direct: direct.times, through: through.times };
}

/** What the doors hold after so many streams more than after a tenth of them. */
async function growth(doors: Doors, streams: number) {
  const callers = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => Caller.open(doors.served)),
  );
  const request = requestTo(doors.served, requestBody(true));
  await press(callers, request, (sent) => sent < streams / 10);
  const before = { heap: await doors.heapBytes(), resident: await residentBytes(doors.pid) };
  await press(callers, request, (sent) => sent < streams);
  const after = { heap: await doors.heapBytes(), resident: await residentBytes(doors.pid) };
  for (const caller of callers) caller.close();
  return { streams, before, after };
}

function summary(
  rates: Rates,
  { direct, through }: Awaited<ReturnType<typeof firstBytes>>,
  { streams, before, after }: Awaited<ReturnType<typeof growth>>,
): Result {
  const rows: Result['rows'] = [];
  let met = true;
  for (const [kind, by] of Object.entries(rates)) {
    const { direct: alone, doors, peer } = by;
    if (alone === undefined || doors === undefined || peer === undefined) continue;
    const shown = ({ perSecond, cpuUs }: Rate) =>
      `${Math.round(perSecond)}/s, ${Math.round(cpuUs)} µs`;
    rows.push({
      figure: `${kind}, ${CONNECTIONS} connections: doors / peer`,
      value: `${shown(doors)} / ${shown(peer)}`,
    });
    rows.push({
      figure: `${kind}: rate and processor time, times better than the peer`,
      value: `${ratio(doors.perSecond / peer.perSecond)}, ${ratio(peer.cpuUs / doors.cpuUs)}`,
    });
    rows.push({ figure: `${kind}: the provider asked directly`, value: shown(alone) });
    met &&= doors.perSecond >= TIMES_PEER * peer.perSecond;
  }
  const added = (q: number) => quantile(through, q) - quantile(direct, q);
  rows.push({
    figure: `first byte, 1 connection, median / p99 (n=${through.length})`,
    value: `${ms(median(through))} / ${ms(quantile(through, 0.99))}`,
  });
  rows.push({ figure: 'of it added', value: `${ms(added(0.5))} / ${ms(added(0.99))}` });
  const mb = (bytes: number) => `${(bytes / 1024 ** 2).toFixed(1)} MB`;
  rows.push({
    figure: `heap after ${streams / 10} and ${streams} streams more, collected`,
    value: `${mb(before.heap)}, ${mb(after.heap)}`,
  });
  rows.push({
    figure: 'resident memory then',
    value: `${mb(before.resident)}, ${mb(after.resident)}`,
  });
  met &&= added(0.5) <= ADDED_MEDIAN_MS && added(0.99) <= ADDED_P99_MS;
  met &&= after.heap - before.heap <= GROWTH_BYTES;
  met &&= after.resident - before.resident <= 2 * GROWTH_BYTES;
  return { rows, met };
}
