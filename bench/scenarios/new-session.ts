import { bareGround } from '../bare/ground.ts';
import { subjects } from '../bare/harness.ts';
import { metric } from '../platform/metrics.ts';
import { serveApplication } from '../platform/server.ts';
import { createSession, endSession, streamTurn } from '../platform/turn.ts';
import { ms, ratio, type Scenario } from '../scenario.ts';
import { ONE_WORD } from '../script.ts';
import { interleave, median } from '../statistics.ts';

const TARGETS = { opencode: 0.15, 'claude-code': 0.5 } as const;
const POLL_MS = 50;

/**
 * First text of a session that did not exist before, counted from `POST /v1/sessions`, when the
 * pool holds a started sandbox, against a bare cold start in an equal sandbox.
 */
export const newSession: Scenario = {
  name: 'new-session',
  target: 'against a bare cold start: ≤ 0.15× OpenCode, ≤ 0.5× Claude Code',
  async run({ quick }) {
    const pairs = quick ? 5 : 20;
    const rows = [];
    let met = true;
    for (const subject of await subjects()) {
      const server = await serveApplication(subject.name, { warm: 1 });
      const ground = await bareGround(subject.name);
      const platform = async () => {
        while ((await metric(server, 'karta_sandboxes{state="parked"}')) < 1) {
          await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        }
        const began = performance.now();
        const session = await createSession(server);
        const created = performance.now() - began;
        const { firstText } = await streamTurn(server, session, ONE_WORD);
        // Memory for twenty sessions that live at once is not what this is about.
        await endSession(server, session);
        return created + firstText;
      };
      const bare = async () => {
        const began = performance.now();
        const { sandbox, setup } = await ground.sandboxFor(subject.harness);
        const harness = await subject.start({ sandbox, setup });
        const started = performance.now() - began;
        const { firstText } = await harness.turn(ONE_WORD);
        await harness.close();
        await sandbox.dispose();
        return started + firstText;
      };
      const { a, b } = await interleave(pairs, platform, bare);
      const share = median(a) / median(b);
      met &&= share <= TARGETS[subject.name];
      rows.push(
        {
          figure: `${subject.name}: new session / bare cold start`,
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
