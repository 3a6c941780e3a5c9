import { bareGround } from '../bare/ground.ts';
import { subjects } from '../bare/harness.ts';
import { serveApplication } from '../platform/server.ts';
import { createSession, streamTurn, type TurnTimes } from '../platform/turn.ts';
import { ratio, type Scenario } from '../scenario.ts';
import { ONE_WORD, scripted } from '../script.ts';
import { interleave, median } from '../statistics.ts';

const DELTAS = 5_000;
const LONG_ANSWER = scripted({ text: 'word '.repeat(DELTAS), n: DELTAS });

/** One answer of 5,000 deltas, from the request to the turn's end, as events per second. */
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
      const rate = ({ texts, done }: TurnTimes) => (texts / done) * 1000;
      await interleave(
        3,
        async () => (await streamTurn(server, session, ONE_WORD)).done,
        async () => (await bare.turn(ONE_WORD)).done,
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
          figure: `${subject.name}: events/s, platform / bare`,
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
