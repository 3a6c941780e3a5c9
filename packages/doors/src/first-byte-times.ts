import type { Metric, MetricObjectWithValues, MetricValueWithName } from 'prom-client';

const NAME = 'karta_doors_first_byte_seconds';
/** Upper bounds, in seconds. */
const BUCKETS = [0.001, 0.005, 0.02, 0.1, 0.3, 1, 3, 10, 30, 120];

/** Of one upstream. */
interface Times {
  /** By bucket, the last one for what is longer than all bounds. */
  counts: number[];
  sum: number;
}

/**
 * Seconds from a whole request to the head of the answer, as a histogram of the metrics page. To have
 * the library look for the series and bucket of each call takes a fortieth of a call; here it is
 * counted in place, and spelled out when the page is read.
 */
export class FirstByteTimes {
  readonly name = NAME;
  readonly help = 'From the whole request to the head of the answer';
  readonly type = 'histogram';
  readonly aggregator = 'sum';
  readonly #ofUpstream = new Map<string, Times>();

  /** As the registry takes it, which calls nothing of a metric but `get`. */
  get metric(): Metric {
    return this as unknown as Metric;
  }

  observe(upstream: string, seconds: number): void {
    let times = this.#ofUpstream.get(upstream);
    if (times === undefined) {
      times = { counts: Array.from({ length: BUCKETS.length + 1 }, () => 0), sum: 0 };
      this.#ofUpstream.set(upstream, times);
    }
    let bucket = 0;
    while (bucket < BUCKETS.length && seconds > (BUCKETS[bucket] as number)) bucket += 1;
    times.counts[bucket] = (times.counts[bucket] ?? 0) + 1;
    times.sum += seconds;
  }

  async get(): Promise<
    Omit<MetricObjectWithValues<MetricValueWithName<'le' | 'upstream'>>, 'collect'>
  > {
    const { name, help, aggregator } = this;
    // The library's types name kinds by an enumeration, and itself writes their names.
    const type = this.type as unknown as MetricObjectWithValues<never>['type'];
    const values = [...this.#ofUpstream].flatMap(([upstream, times]) => series(upstream, times));
    return { name, help, type, aggregator, values };
  }
}

function series(
  upstream: string,
  { counts, sum }: Times,
): MetricValueWithName<'le' | 'upstream'>[] {
  let value = 0;
  const buckets = counts.map((count, index) => {
    value += count;
    return {
      metricName: `${NAME}_bucket`,
      labels: { le: BUCKETS[index] ?? '+Inf', upstream },
      value,
    };
  });
  return [
    ...buckets,
    { metricName: `${NAME}_sum`, labels: { upstream }, value: sum },
    { metricName: `${NAME}_count`, labels: { upstream }, value },
  ];
}
