import { bareGround } from '../bare/ground.ts';
import { subjects } from '../bare/harness.ts';
import { serveApplication } from '../platform/server.ts';
import { createSession, streamTurn, type TurnTimes } from '../platform/turn.ts';
import { ratio, type Scenario } from '../scenario.ts';
import { scripted } from '../script.ts';
import { interleave, median } from '../statistics.ts';

const DELTAS = 5_000;
const ANSWER = 'word '.repeat(DELTAS);
const LONG_ANSWER = scripted({ text: ANSWER, n: DELTAS });

/**
 * One answer that the model gives in 5,000 deltas, from the request to the turn's end, in deltas a
 * second. Both clients parse every event and must have had the whole text, in whatever pieces: the
 * platform joins deltas that wait together.
 */
export const eventRate: Scenario = {
  name: 'event-rate',
  target: '5,000 deltas: ≥ 0.9× the bare rate',
  async run({ quick }) {
    const pairs = quick ? 3 : 20;
    const rows = [];
    let met = true;
    for (const subject of await subjects()) {
      const server = await serveApplication(subject.name, { warm: 0 });
      const ground = await bareGround(subject.name);
      const bare = await subject.start(await ground.sandboxFor(subject.harness));
      const session = await createSession(server);
      await interleave(
        3,
        async () => (await streamTurn(server, session, LONG_ANSWER)).done,
        async () => (await bare.turn(LONG_ANSWER)).done,
      );
      const { a, b } = await interleave(
        pairs,
        async () => rate(await streamTurn(server, session, LONG_ANSWER)),
        async () => rate(await bare.turn(LONG_ANSWER)),
      );
      const share = median(a) / median(b);
      met &&= share >= 0.9;
      rows.push(
        {
          figure: `${subject.name}: deltas/s, platform / bare`,
          value: `${median(a).toFixed(0)} / ${median(b).toFixed(0)}`,
        },
        { figure: `${subject.name}: ratio (n=${pairs})`, value: ratio(share) },
      );
      await bare.close();
      await ground.close();
      await server.stop();
    }
    return { rows, met };
  },
};

/** Deltas of the model a second. Throws when the client missed some. */
function rate({ letters, done }: TurnTimes): number {
  if (letters !== ANSWER.length) throw new Error(`${letters} letters of ${ANSWER.length} came`);
  return (DELTAS / done) * 1000;
}
