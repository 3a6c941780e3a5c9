import { bareGround } from '../bare/ground.ts';
import { subjects } from '../bare/harness.ts';
import { serveApplication } from '../platform/server.ts';
import { createSession, streamTurn } from '../platform/turn.ts';
import { ms, ratio, type Scenario } from '../scenario.ts';
import { ONE_WORD } from '../script.ts';
import { interleave, median } from '../statistics.ts';

/**
 * A message into a session that has no process, only its volume, against a bare cold resume: the
 * harness started in a fresh sandbox over the same volume with the conversation's id.
 */
export const wakeUp: Scenario = {
  name: 'wake-up',
  target: 'first text of a session back from hibernation: ≤ 1.1× of a bare cold resume',
  async run({ quick }) {
    const pairs = quick ? 5 : 20;
    const rows = [];
    let met = true;
    for (const subject of await subjects()) {
      const first = await serveApplication(subject.name, { warm: 0 });
      const sessions: string[] = [];
      for (let index = 0; index < pairs; index++) {
        const session = await createSession(first);
        await streamTurn(first, session, ONE_WORD);
        sessions.push(session);
      }
      const server = await first.restart();
      const ground = await bareGround(subject.name);
      const place = await ground.sandboxFor(subject.harness);
      const once = await subject.start(place);
      await once.turn(ONE_WORD);
      await once.close();
      const { volumeId } = place.sandbox;
      await place.sandbox.dispose();
      const { a, b } = await interleave(
        pairs,
        async (index) => (await streamTurn(server, sessions[index] ?? '', ONE_WORD)).firstText,
        async () => {
          const began = performance.now();
          const again = await ground.sandboxFor(subject.harness, volumeId);
          const harness = await subject.start(again, once.conversation);
          const started = performance.now() - began;
          const { firstText } = await harness.turn(ONE_WORD);
          await harness.close();
          await again.sandbox.dispose();
          return started + firstText;
        },
      );
      const share = median(a) / median(b);
      met &&= share <= 1.1;
      rows.push(
        {
          figure: `${subject.name}: woken session / bare cold resume`,
          value: `${ms(median(a))} / ${ms(median(b))}`,
        },
        { figure: `${subject.name}: ratio (n=${pairs})`, value: ratio(share) },
      );
      await ground.close();
      await server.stop();
    }
    return { rows, met };
  },
};
