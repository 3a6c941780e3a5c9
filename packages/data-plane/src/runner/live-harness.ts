import type { LiveSession } from './live-session.ts';
import type { LiveHarness } from './port.ts';
import { runTurn, type TurnParts } from './run-turn.ts';

/** A live session as the engine sees it: busy while a turn of it is read. */
export function liveHarness(live: LiveSession, parts: TurnParts): LiveHarness {
  const { booted } = live;
  const { machine, volumeId } = booted;
  return {
    isolation: machine.isolation,
    volumeId,
    get resumeId() {
      return machine.resumeId;
    },
    async *turn(turn, input, signal) {
      const done = live.use();
      const over = Promise.withResolvers<void>();
      live.turns.add(over.promise);
      try {
        yield* runTurn(parts, booted, turn, input, signal);
      } finally {
        live.turns.delete(over.promise);
        over.resolve();
        done();
      }
    },
    showRaw: (wanted) => machine.showRaw(wanted),
    answer: (requestId, answer) => machine.answer(requestId, answer),
  };
}
