import { setTimeout as delay } from 'node:timers/promises';
import { type Child, type ChildEnd, endText } from './child.ts';
import { restartWait } from './restart-budget.ts';

/** A process of the server that is started again when it ends unexpectedly. */
export interface KeptChild<Ready> {
  /** What it said when it was first ready. */
  ready: Ready;
  /** Resolves with the reason when it ended so often that restarting does not help. */
  gaveUp: Promise<string>;
  /** Drains it. Idempotent. */
  stop(): Promise<void>;
  kill(): void;
}

/**
 * Starts a process and keeps it running. `launch` is given what it said when it was first ready,
 * so that a restart takes the same ports: clients know them. Throws `CliError` when the first
 * start fails.
 */
export async function keepRunning<Ready>(
  launch: (first: Ready | null) => Promise<Child<Ready>>,
  notice: (message: string) => void,
): Promise<KeptChild<Ready>> {
  let child = await launch(null);
  const { ready, name } = child;
  let stopping = false;

  async function watch(): Promise<string> {
    const ends: number[] = [];
    for (;;) {
      const end = await child.ended;
      if (stopping) return never();
      ends.push(performance.now());
      const wait = restartWait(ends);
      if (wait === null) return `the ${name} ended too often, last by ${lastWords(end)}`;
      notice(`The ${name} ended unexpectedly (${lastWords(end)}); starting again.`);
      await delay(wait);
      if (stopping) return never();
      try {
        child = await launch(ready);
      } catch (error) {
        return `the ${name} could not be started again: ${(error as Error).message}`;
      }
      if (stopping) {
        await child.stop();
        return never();
      }
      notice(`The ${name} started again.`);
    }
  }

  return {
    ready,
    gaveUp: watch(),
    stop: async () => {
      stopping = true;
      await child.stop();
    },
    kill: () => {
      stopping = true;
      child.kill();
    },
  };
}

function lastWords(end: ChildEnd): string {
  const words = end.lastLines.at(-1);
  return words === undefined || words === '' ? endText(end) : `${endText(end)}: ${words}`;
}

/** A stop that was asked for is no failure: nobody is told of it. */
function never(): Promise<string> {
  return new Promise(() => undefined);
}
