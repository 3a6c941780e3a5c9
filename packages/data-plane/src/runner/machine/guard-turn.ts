import type { HarnessEvent, HarnessEvents } from '@karta/harness';
import { TURN_ERRORS } from '@karta/protocol';
import { RUNNER_LIMITS } from '../limits.ts';
import type { MachineEnd } from './machine-port.ts';

type ErrorEvent = Extract<HarnessEvent, { type: 'error' }>;

/**
 * Holds an adapter to its promise: whatever it yields, throws or forgets, the turn ends with one
 * `end`, also when its sandbox is gone. A harness that a limit has ended is told as
 * `sandbox_limit`, which the adapter cannot know.
 */
export async function* guardTurn(
  turn: HarnessEvents,
  ended: Promise<MachineEnd>,
): AsyncGenerator<readonly HarnessEvent[], void, undefined> {
  const watch = watchEnd(ended);
  const iterator = turn[Symbol.asyncIterator]();
  let failed = false;
  try {
    for (;;) {
      const step = await nextOrGone(iterator, watch);
      if (step === 'gone') {
        yield [errorOf(await ended)];
        break;
      }
      if (step.done) {
        yield [error('internal', 'The adapter broke off without an end.')];
        break;
      }
      let told: HarnessEvent[] = [];
      for (const event of step.value) {
        if (event.type === 'error' && event.code === 'harness_exited') {
          failed = true;
          if (told.length > 0) yield told;
          told = [(await violationSoon(watch)) ?? event];
        } else if (event.type !== 'end') {
          failed ||= event.type === 'error';
          told.push(event);
        } else {
          const violation = failed || event.stopReason === 'cancelled' ? null : watch.violation();
          if (violation === null) told.push(event);
          else told.push(violation, { type: 'end', stopReason: 'error' });
          yield told;
          return;
        }
      }
      yield told;
    }
  } catch (cause) {
    yield [error('internal', cause instanceof Error ? cause.message : 'The adapter failed.')];
  } finally {
    watch.stop();
    // Not awaited: an adapter that hangs in its own clean-up must not hold the turn.
    iterator.return?.().catch(() => undefined);
  }
  yield [{ type: 'end', stopReason: 'error' }];
}

interface Watch {
  /** Called once, when the sandbox has been gone for `lastEventMs`. */
  onGone: (() => void) | null;
  violation(): ErrorEvent | null;
  /** The machine's end, if it comes within `violationMs`. */
  soon(): Promise<MachineEnd | null>;
  stop(): void;
}

/** One listener a turn: a race against a promise that outlives it would keep every loser. */
function watchEnd(ended: Promise<MachineEnd>): Watch {
  let end: MachineEnd | null = null;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let told: (() => void) | null = null;
  const watch: Watch = {
    onGone: null,
    violation: () => (end?.cause === 'violation' ? errorOf(end) : null),
    soon() {
      if (end !== null) return Promise.resolve(end);
      return new Promise((resolve) => {
        const done = () => {
          clearTimeout(wait);
          resolve(end);
        };
        const wait = setTimeout(done, RUNNER_LIMITS.violationMs);
        told = done;
      });
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
  void ended.then((how) => {
    end = how;
    told?.();
    if (!stopped) timer = setTimeout(() => watch.onGone?.(), RUNNER_LIMITS.lastEventMs);
  });
  return watch;
}

function nextOrGone(
  iterator: AsyncIterator<readonly HarnessEvent[]>,
  watch: Watch,
): Promise<IteratorResult<readonly HarnessEvent[]> | 'gone'> {
  return new Promise((resolve, reject) => {
    watch.onGone = () => resolve('gone');
    iterator.next().then(resolve, reject);
  });
}

async function violationSoon(watch: Watch): Promise<ErrorEvent | null> {
  const end = await watch.soon();
  return end?.cause === 'violation' ? errorOf(end) : null;
}

function errorOf(end: MachineEnd): ErrorEvent {
  if (end.cause === 'violation') return error('sandbox_limit', end.message);
  return error('harness_exited', TURN_ERRORS.harness_exited);
}

function error(code: ErrorEvent['code'], message: string): ErrorEvent {
  return { type: 'error', code, message, retryable: code !== 'sandbox_limit' };
}
