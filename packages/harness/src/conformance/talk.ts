import type { HarnessEvent, HarnessEvents, HarnessSession, TurnInput } from '../port.ts';

type Of<T extends HarnessEvent['type']> = Extract<HarnessEvent, { type: T }>;

/** A turn under way, as a test looks at it. */
export class Talk {
  readonly events: HarnessEvent[] = [];
  readonly #session: HarnessSession;
  readonly #abort = new AbortController();
  readonly #waiting = new Set<() => void>();
  /** All events, once the turn has ended. */
  readonly done: Promise<HarnessEvent[]>;
  #over = false;

  constructor(session: HarnessSession, text: string, input: Partial<TurnInput> = {}) {
    this.#session = session;
    const whole = { text, agent: 'default', thinking: false, attachments: [], ...input };
    this.done = this.#collect(session.turn(whole, this.#abort.signal));
  }

  async #collect(turn: HarnessEvents): Promise<HarnessEvent[]> {
    for await (const events of turn) {
      this.events.push(...events);
      for (const wake of this.#waiting) wake();
    }
    this.#over = true;
    for (const wake of this.#waiting) wake();
    return this.events;
  }

  /** The `count`-th event of a type (of those that `accept`s), now or when it comes. */
  async next<T extends HarnessEvent['type']>(
    type: T,
    accept: (event: Of<T>) => boolean = () => true,
    count = 1,
  ): Promise<Of<T>> {
    for (;;) {
      const found = this.all(type)
        .filter(accept)
        .at(count - 1);
      if (found !== undefined) return found;
      if (this.#over) {
        throw new Error(`the turn ended without ${type} ${count}: ${this.summary()}`);
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  all<T extends HarnessEvent['type']>(type: T): Of<T>[] {
    return this.events.filter((event): event is Of<T> => event.type === type);
  }

  get text(): string {
    return this.all('text')
      .map(({ text }) => text)
      .join('');
  }

  get reasoning(): string {
    return this.all('reasoning')
      .map(({ text }) => text)
      .join('');
  }

  cancel(): void {
    this.#abort.abort();
  }

  approve(requestId: string): Promise<void> {
    return this.#session.answer(requestId, { decision: 'approve_once', message: '' });
  }

  deny(requestId: string, message: string): Promise<void> {
    return this.#session.answer(requestId, { decision: 'deny', message });
  }

  /** The events in few words, for messages of failed tests. */
  summary(): string {
    return this.events
      .map(({ raw: _, ...event }) => JSON.stringify(event).slice(0, 200))
      .join('\n');
  }
}

/** Runs a turn to its end. */
export async function say(
  session: HarnessSession,
  text: string,
  input: Partial<TurnInput> = {},
): Promise<Talk> {
  const talk = new Talk(session, text, input);
  await talk.done;
  return talk;
}
