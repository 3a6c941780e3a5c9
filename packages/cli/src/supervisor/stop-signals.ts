/**
 * A second signal sooner than this is the first one arriving by another way (the terminal signals
 * the whole group, and npm and the launcher pass on what they get). In milliseconds.
 */
const ECHO_MS = 500;

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What asks a server to stop: gently with the first signal, at once with the second. */
export interface StopSignals extends Disposable {
  /** Resolves with the first signal. */
  first: Promise<NodeJS.Signals>;
  /** Resolves with a second one. */
  second: Promise<NodeJS.Signals>;
}

export function stopSignals(target: NodeJS.EventEmitter = process): StopSignals {
  let firstAt: number | null = null;
  const first = Promise.withResolvers<NodeJS.Signals>();
  const second = Promise.withResolvers<NodeJS.Signals>();
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt === null) {
      firstAt = performance.now();
      first.resolve(signal);
    } else if (performance.now() - firstAt >= ECHO_MS) {
      second.resolve(signal);
    }
  };
  for (const signal of SIGNALS) target.on(signal, onSignal);
  return {
    first: first.promise,
    second: second.promise,
    [Symbol.dispose]() {
      for (const signal of SIGNALS) target.off(signal, onSignal);
    },
  };
}
