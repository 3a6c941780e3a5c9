import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Seconds to the answer's first byte: from a cached read to a cold start. */
const ANSWER_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Numbers that the session engine and the runner hold and the metrics page asks for. */
export interface PlaneNumbers {
  liveSessions: number;
  /** Sandboxes that hold a session. */
  liveSandboxes: number;
  /** Started sandboxes that wait for a session. */
  parkedSandboxes: number;
  runningTurns: number;
  queuedTurns: number;
}

export interface HttpMetrics {
  /** An answer's head is ready. `route` is a pattern, never a path as it was sent. */
  answered(method: string, route: string, status: number, ms: number): void;
  streamOpened(): void;
  streamClosed(): void;
  turnAccepted(): void;
  /** Counts a turn's end by its stop reason. */
  turnEnded(stopReason: string): void;
  /** Counts a refusal by the figure of the rate limit that was reached. */
  rateLimited(figure: string): void;
  /** Shows these numbers from now on. */
  watch(numbers: () => PlaneNumbers): void;
  /** Shows how many events wait for the control plane, and how many it refused. */
  watchOutbox(counts: () => Promise<{ waiting: number; refused: number }>): void;
  /** The metrics in the Prometheus text format. */
  page(): Promise<{ contentType: string; text: string }>;
}

const NOTHING: PlaneNumbers = {
  liveSessions: 0,
  liveSandboxes: 0,
  parkedSandboxes: 0,
  runningTurns: 0,
  queuedTurns: 0,
};

/** Metrics of one data plane, in a registry of their own so that two may live in one process. */
export function createMetrics(): HttpMetrics {
  const registers = [new Registry()];
  const [registry] = registers as [Registry];
  collectDefaultMetrics({ register: registry });
  let numbers: () => PlaneNumbers = () => NOTHING;

  const requests = new Counter({
    name: 'karta_http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const latency = new Histogram({
    name: 'karta_http_answer_seconds',
    help: 'Time to the head of the answer.',
    labelNames: ['method', 'route'],
    buckets: ANSWER_BUCKETS,
    registers,
  });
  const streams = new Gauge({
    name: 'karta_http_streams_open',
    help: 'Open event streams.',
    registers,
  });
  const accepted = new Counter({
    name: 'karta_turns_accepted_total',
    help: 'Messages accepted.',
    registers,
  });
  const ended = new Counter({
    name: 'karta_turns_ended_total',
    help: 'Turns ended, by stop reason.',
    labelNames: ['stop_reason'],
    registers,
  });
  const limited = new Counter({
    name: 'karta_rate_limited_total',
    help: 'Refusals by rate limits.',
    labelNames: ['figure'],
    registers,
  });
  new Gauge({
    name: 'karta_sessions_live',
    help: 'Sessions in use or in memory.',
    registers,
    collect() {
      this.set(numbers().liveSessions);
    },
  });
  new Gauge({
    name: 'karta_sandboxes',
    help: 'Sandboxes that hold a session, and started ones that wait for one.',
    labelNames: ['state'],
    registers,
    collect() {
      const { liveSandboxes, parkedSandboxes } = numbers();
      this.set({ state: 'live' }, liveSandboxes);
      this.set({ state: 'parked' }, parkedSandboxes);
    },
  });
  new Gauge({
    name: 'karta_turns',
    help: 'Turns that run or wait.',
    labelNames: ['state'],
    registers,
    collect() {
      const { runningTurns, queuedTurns } = numbers();
      this.set({ state: 'running' }, runningTurns);
      this.set({ state: 'queued' }, queuedTurns);
    },
  });

  return {
    answered(method, route, status, ms) {
      requests.inc({ method, route, status });
      latency.observe({ method, route }, ms / 1000);
    },
    streamOpened: () => streams.inc(),
    streamClosed: () => streams.dec(),
    turnAccepted: () => accepted.inc(),
    turnEnded: (stopReason) => ended.inc({ stop_reason: stopReason }),
    rateLimited: (figure) => limited.inc({ figure }),
    watch(given) {
      numbers = given;
    },
    watchOutbox(counts) {
      new Gauge({
        name: 'karta_outbox_events',
        help: 'Events that the control plane has not acknowledged, and those that it refused.',
        labelNames: ['state'],
        registers,
        async collect() {
          const { waiting, refused } = await counts();
          this.set({ state: 'waiting' }, waiting);
          this.set({ state: 'refused' }, refused);
        },
      });
    },
    page: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}
