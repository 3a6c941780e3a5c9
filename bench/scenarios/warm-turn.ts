import { bareGround } from '../bare/ground.ts';
import { subjects } from '../bare/harness.ts';
import { serveApplication } from '../platform/server.ts';
import { createSession, endSession, streamTurn } from '../platform/turn.ts';
import { ms, type Scenario } from '../scenario.ts';
import { ONE_WORD } from '../script.ts';
import { interleave, median, quantile } from '../statistics.ts';

const WARM_UP = 10;
/**
 * Processes of a harness differ from each other by some milliseconds a turn, for as long as they
 * live: each side has so many, one after the other.
 */
const PROCESSES = 6;

/**
 * A message into a live session, to its first text: over HTTP through the whole platform, against
 * the harness's own interface in an equal sandbox with an equal model channel. Both run at once and
 * take turns, so they share the machine's weather.
 */
export const warmTurn: Scenario = {
  name: 'warm-turn',
  target: 'platform over the bare harness in the same sandbox: ≤ 3 ms median, ≤ 10 ms p95',
  async run({ quick }) {
    const pairs = quick ? 15 : 40;
    const processes = quick ? 2 : PROCESSES;
    const rows = [];
    let met = true;
    for (const subject of await subjects()) {
      const server = await serveApplication(subject.name, { warm: 0 });
      const ground = await bareGround(subject.name);
      const [a, b]: [number[], number[]] = [[], []];
      for (let pair = 0; pair < processes; pair++) {
        const bare = await subject.start(await ground.sandboxFor(subject.harness));
        const session = await createSession(server);
        const platformTurn = async () => (await streamTurn(server, session, ONE_WORD)).firstText;
        const bareTurn = async () => (await bare.turn(ONE_WORD)).firstText;
        await interleave(WARM_UP, platformTurn, bareTurn);
        const taken = await interleave(pairs, platformTurn, bareTurn);
        a.push(...taken.a);
        b.push(...taken.b);
        await bare.close();
        await endSession(server, session);
      }
      const over = median(a) - median(b);
      const overTail = quantile(a, 0.95) - quantile(b, 0.95);
      met &&= over <= 3 && overTail <= 10;
      rows.push(
        {
          figure: `${subject.name}: platform, median / p95`,
          value: `${ms(median(a))} / ${ms(quantile(a, 0.95))}`,
        },
        {
          figure: `${subject.name}: bare, median / p95`,
          value: `${ms(median(b))} / ${ms(quantile(b, 0.95))}`,
        },
        {
          figure: `${subject.name}: added, median / p95 (n=${a.length})`,
          value: `${ms(over)} / ${ms(overTail)}`,
        },
      );
      await ground.close();
      await server.stop();
    }
    return { rows, met };
  },
};
