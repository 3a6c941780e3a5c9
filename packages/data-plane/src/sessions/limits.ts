import { LIMITS } from '@karta/protocol';

/** Times of the session engine, in milliseconds. Tests make them short. */
export interface EngineTimes {
  /** How long an approval waits before it counts as denied. */
  inputExpiry: number;
  /** The wall clock of a turn whose release names none. */
  turn: number;
  /** How long a harness may take to end a turn that was stopped, before it is ended itself. */
  stopGrace: number;
  /** How long the events of a session that nobody uses or reads stay in memory. */
  linger: number;
  /** How long a session lives without a turn. */
  sessionTtl: number;
}

export const ENGINE_TIMES: EngineTimes = {
  inputExpiry: LIMITS.inputExpiryMs,
  turn: LIMITS.turnMs,
  stopGrace: 10_000,
  linger: LIMITS.idleMs,
  sessionTtl: LIMITS.sessionTtlMs,
};

/** Characters of a turn's text that its `done` repeats; the events have all of it. */
export const DONE_TEXT_CHARS = 1024 * 1024;
