import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SHARED_SERVER, shareTestServer } from '@karta/postgres/testing';
import { startGround } from './ground.ts';
import { PLANTS } from './plants.ts';
import { play } from './play.ts';

/**
 * Plays seeds of the budgets' simulation, as many as asked for:
 *
 *     node test/simulation/budgets/run.ts --seeds 1000000 --from 1
 *     node test/simulation/budgets/run.ts --seed 42            one seed, with all that happens
 *     node test/simulation/budgets/run.ts --seeds 50 --plant 3 with a planted mistake
 */
const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '200' },
    from: { type: 'string', default: '1' },
    seed: { type: 'string' },
    plant: { type: 'string' },
  },
});

const plant = values.plant === undefined ? undefined : PLANTS[Number(values.plant) - 1];
if (values.plant !== undefined && plant === undefined) {
  console.error(`--plant is one of\n${PLANTS.map((name, at) => `${at + 1} ${name}`).join('\n')}`);
  process.exit(2);
}
const folder = await mkdtemp(join(tmpdir(), 'karta-simulation-'));
const shared = await shareTestServer(folder);
process.env[SHARED_SERVER] = shared.socket;
const ground = await startGround();
let failed = 0;
try {
  const one = values.seed;
  const first = Number(one ?? values.from);
  const last = one === undefined ? first + Number(values.seeds) - 1 : first;
  const sum = { calls: 0, refused: 0, kills: 0 };
  for (let seed = first; seed <= last; seed += 1) {
    const options = { ...(plant ? { plant } : {}), ...(one ? { log: console.log } : {}) };
    try {
      const { calls, refused, kills } = await play(ground, seed, options);
      sum.calls += calls;
      sum.refused += refused;
      sum.kills += kills;
    } catch (error) {
      failed += 1;
      console.log(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  console.log({ seeds: last - first + 1, failed, ...sum });
} finally {
  await ground.close();
  await shared.close();
  await rm(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
