import { setTimeout as delay } from 'node:timers/promises';
import {
  type MoneyWire,
  messageIdOfTurn,
  moneyToWire,
  NO_USAGE,
  type StopReason,
  TURN_ERRORS,
  type TurnErrorCode,
} from '@karta/protocol';
import type { Told } from '../outbox/lifecycle.ts';
import { tellTurnEnd } from '../outbox/tell-turn-end.ts';
import { turnObjects } from '../rates/counted-objects.ts';
import { cleanName } from './clean.ts';
import type { Engine } from './engine.ts';
import type { LiveSession } from './live-session.ts';
import { type TurnOutcome, TurnRun, type TurnToRun } from './turn-run.ts';
import { finishTurn, startTurn } from './turn-store.ts';

/** Waits between tries to record an end: a database that restarts is back within them. */
const RETRY_MS = [50, 200, 1000, 3000];

/** Runs a session's turns one after the other, first come first served. */
export class TurnQueue {
  readonly #engine: Engine;
  /** While set, no queued turn is begun: the process is going down. */
  #paused = false;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  pause(): void {
    this.#paused = true;
  }

  get paused(): boolean {
    return this.#paused;
  }

  /** Begins `turn` now. Call within the session's mutex, when nothing runs. */
  begin(session: LiveSession, turn: TurnToRun): void {
    const run = new TurnRun(this.#engine, session, turn);
    session.current = run;
    // Whoever sent the message was let in a moment ago.
    if (this.#engine.control.orgStopped?.(session.orgId)) run.stop('org_stopped');
    session.idle = this.#runFrom(session, run);
  }

  /** Begins the oldest queued turn, if nothing runs. */
  wake(session: LiveSession): Promise<void> {
    return session.mutex.run(async () => {
      if (session.current !== null) return;
      const next = await this.#next(session);
      if (next !== null) {
        session.current = next;
        session.idle = this.#runFrom(session, next);
      }
    });
  }

  /** Ends a turn that never ran, or that no longer runs: recorded first, then told. */
  async end(session: LiveSession, turnId: string, outcome: TurnOutcome): Promise<void> {
    const resumeId = outcome.resumeId === null ? null : cleanName(outcome.resumeId);
    const open = await this.#recorded(() =>
      finishTurn(this.#engine.database, {
        turnId,
        sessionId: session.id,
        stopReason: outcome.stopReason,
        usage: outcome.usage,
        resumeId,
        status: session.queue.length > 0 ? 'running' : session.restingStatus,
        told: this.#told(session, turnId, outcome),
      }),
    );
    session.noteResumeId(resumeId);
    session.usedAt = Date.now();
    if (!open) return;
    this.#engine.turnEnded?.(outcome.stopReason);
    await session.events.publish(turnId, {
      type: 'done',
      data: {
        stop_reason: outcome.stopReason,
        usage: outcome.usage?.usage ?? NO_USAGE,
        cost: costOf(outcome),
        message: { id: messageIdOfTurn(turnId), role: 'assistant', text: outcome.text },
      },
    });
  }

  #told(session: LiveSession, turnId: string, outcome: TurnOutcome): Told | null {
    const { grantOf } = this.#engine;
    return grantOf === undefined
      ? null
      : tellTurnEnd({ sessionId: session.id, turnId, ...outcome }, grantOf(session.orgId));
  }

  async #runFrom(session: LiveSession, first: TurnRun): Promise<void> {
    let run: TurnRun | null = first;
    while (run !== null) {
      const finished: TurnRun = run;
      const { id } = finished;
      const outcome = await finished.run();
      run = await session.mutex.run(async () => {
        try {
          await this.end(session, id, outcome);
          session.current = await this.#next(session);
        } catch (error) {
          // The row says the turn is open: the next start ends it visibly.
          this.#engine.log.error(
            { err: error, session: session.id, turn: id },
            'a turn stays open',
          );
          session.current = null;
        }
        finished.markFinished();
        return session.current;
      });
    }
  }

  async #next(session: LiveSession): Promise<TurnRun | null> {
    while (!this.#paused && !session.ended) {
      const turnId = session.queue[0];
      if (turnId === undefined) return null;
      const row = await startTurn(this.#engine.database, turnId, session.events.lastSeq);
      session.queue.shift();
      if (row === undefined) continue;
      const { control } = this.#engine;
      const release = await control.release(session.orgId, session.releaseId);
      if (release === null) {
        const message = 'The release of this session is gone.';
        await this.#failBeforeStart(session, turnId, 'harness_missing', message);
        continue;
      }
      if (control.orgStopped?.(session.orgId)) {
        await this.#failBeforeStart(session, turnId, 'org_suspended');
        continue;
      }
      const { api_key_id, embed_key_id, end_user } = row;
      const payer = { api_key_id, embed_key_id, end_user };
      return new TurnRun(this.#engine, session, {
        id: row.id,
        release,
        payer,
        leave: this.#engine.rates?.joinTurn(turnObjects(payer, session.owner)),
        input: {
          text: row.text ?? '',
          agent: row.agent,
          thinking: row.thinking,
          attachments: row.attachments ?? [],
        },
      });
    }
    return null;
  }

  async #failBeforeStart(
    session: LiveSession,
    turnId: string,
    code: TurnErrorCode,
    message: string = TURN_ERRORS[code],
  ): Promise<void> {
    await session.events.publish(turnId, {
      type: 'error',
      data: { code, message, retryable: false },
    });
    await this.end(session, turnId, notRun('error', code));
  }

  async #recorded<T>(write: () => Promise<T>): Promise<T> {
    for (const wait of RETRY_MS) {
      try {
        return await write();
      } catch (error) {
        this.#engine.log.warn({ err: error }, 'the end of a turn could not be recorded yet');
        await delay(wait);
      }
    }
    return write();
  }
}

/** The outcome of a turn that the harness never saw. */
export function notRun(stopReason: StopReason, errorCode: string | null = null): TurnOutcome {
  return { stopReason, usage: null, resumeId: null, text: '', errorCode };
}

/** What the turn's calls cost; `null` where that is not known. */
function costOf({ usage }: TurnOutcome): MoneyWire | null {
  const cost = usage?.cost ?? null;
  return cost === null ? null : moneyToWire(BigInt(cost));
}
