import { bareGround } from '../bare/ground.ts';
import { subjects } from '../bare/harness.ts';
import { ms, ratio, type Scenario } from '../scenario.ts';
import { ONE_WORD } from '../script.ts';
import { interleave, median } from '../statistics.ts';

const WARM_UP = 10;

/** The bare harness as a plain process against the bare harness in a namespace sandbox. */
export const sandboxCost: Scenario = {
  name: 'sandbox-cost',
  target: 'the sandbox over the bare harness: reported, aim ≤ 1.15×',
  async run({ quick }) {
    const pairs = quick ? 30 : 150;
    const rows = [];
    for (const subject of await subjects()) {
      const [inside, plain] = [
        await bareGround(subject.name),
        await bareGround(subject.name, 'none'),
      ];
      const held = await subject.start(await inside.sandboxFor(subject.harness));
      const free = await subject.start(await plain.sandboxFor(subject.harness));
      const heldTurn = async () => (await held.turn(ONE_WORD)).firstText;
      const freeTurn = async () => (await free.turn(ONE_WORD)).firstText;
      await interleave(WARM_UP, heldTurn, freeTurn);
      const { a, b } = await interleave(pairs, heldTurn, freeTurn);
      rows.push(
        {
          figure: `${subject.name}: warm first text, sandbox / plain`,
          value: `${ms(median(a))} / ${ms(median(b))}`,
        },
        { figure: `${subject.name}: ratio (n=${pairs})`, value: ratio(median(a) / median(b)) },
      );
      await held.close();
      await free.close();
      await inside.close();
      await plain.close();
    }
    return { rows, met: null };
  },
};
