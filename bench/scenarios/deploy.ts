import { join } from 'node:path';
import { archiveOf, archiveOfFolder } from '../../test/planes/archive.ts';
import { builderOn } from '../../test/planes/builder.ts';
import { startTwoPlanes } from '../../test/planes/two-planes.ts';
import { ms, type Scenario } from '../scenario.ts';
import { median } from '../statistics.ts';

const SUPPORT_BOT = join(import.meta.dirname, '../../examples/support-bot');
const DEPLOY_MS = 3_000;
const VISIBLE_MS = 1_000;

/**
 * A publish of the support bot from the first byte of its upload to the end of its build, which is
 * when new sessions run on it; and how long a rollback and an activation take until a new session
 * is on the other release. Both planes are in this process, each build has a sandbox of its own.
 */
export const deploy: Scenario = {
  name: 'deploy',
  target: `support bot ≤ ${DEPLOY_MS} ms, activation and rollback visible ≤ ${VISIBLE_MS} ms, medians`,
  async run({ quick }) {
    const rounds = quick ? 3 : 10;
    const planes = await startTwoPlanes();
    const builder = builderOn(planes);
    try {
      const archive = await archiveOfFolder(SUPPORT_BOT);
      // The first one also chooses the sandbox driver, once in the life of a node.
      await builder.publish('warm-up', archive);
      const deploys = await timed(rounds, (n) => builder.publish(`support-bot-${n}`, archive));
      await builder.publish('flip', await archiveOf({ 'AGENTS.md': 'one' }));
      await builder.publish('flip', await archiveOf({ 'AGENTS.md': 'two' }));
      const seen = async (version: string) => {
        const session = await builder.data('/v1/projects/flip/sessions', 'POST', {});
        if ((session.project as { version: string }).version !== version) {
          throw new Error('a new session is on the other release');
        }
      };
      const flip = (path: string, body: object, version: string) => async () => {
        await builder.control(`/v1/projects/flip/${path}`, 'POST', body);
        await seen(version);
      };
      const rollbacks: number[] = [];
      const activations: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        rollbacks.push(...(await timed(1, flip('rollback', {}, 'v1'))));
        activations.push(...(await timed(1, flip('activations', { version: 'v2' }, 'v2'))));
      }
      const met =
        median(deploys) <= DEPLOY_MS && Math.max(...rollbacks, ...activations) <= VISIBLE_MS;
      return {
        rows: [
          { figure: `deploy, median / worst (n=${rounds})`, value: shown(deploys) },
          { figure: 'rollback until a new session is on it', value: shown(rollbacks) },
          { figure: 'activation until a new session is on it', value: shown(activations) },
        ],
        met,
      };
    } finally {
      await planes.stop();
    }
  },
};

async function timed(rounds: number, work: (n: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const began = performance.now();
    await work(round);
    times.push(performance.now() - began);
  }
  return times;
}

function shown(times: readonly number[]): string {
  return `${ms(median(times))} / ${ms(Math.max(...times))}`;
}
