import { availableParallelism, totalmem } from 'node:os';
import type { Scenario } from './scenario.ts';
import { auth } from './scenarios/auth.ts';
import { deploy } from './scenarios/deploy.ts';
import { eventRate } from './scenarios/event-rate.ts';
import { fairness } from './scenarios/fairness.ts';
import { firstMinute } from './scenarios/first-minute.ts';
import { idleSessions } from './scenarios/idle-sessions.ts';
import { ingest } from './scenarios/ingest.ts';
import { newSession } from './scenarios/new-session.ts';
import { openStreams } from './scenarios/open-streams.ts';
import { proxy } from './scenarios/proxy.ts';
import { reserve } from './scenarios/reserve.ts';
import { sandboxCost } from './scenarios/sandbox-cost.ts';
import { wakeUp } from './scenarios/wake-up.ts';
import { warmTurn } from './scenarios/warm-turn.ts';

const SCENARIOS: readonly Scenario[] = [
  warmTurn,
  auth,
  deploy,
  ingest,
  reserve,
  fairness,
  proxy,
  sandboxCost,
  newSession,
  wakeUp,
  eventRate,
  idleSessions,
  openStreams,
  firstMinute,
];

/**
 * `npm run bench [-- [--quick] [scenario…]]`. Ends with 1 when a scenario fails or misses its
 * target; the figures are printed all the same.
 */
async function main(args: readonly string[]): Promise<number> {
  const quick = args.includes('--quick');
  const names = args.filter((arg) => !arg.startsWith('--'));
  const unknown = names.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    const known = SCENARIOS.map((scenario) => scenario.name).join(', ');
    console.error(`no scenario ${unknown.join(', ')}; there are: ${known}`);
    return 2;
  }
  const gib = (totalmem() / 1024 ** 3).toFixed(0);
  console.log(`${availableParallelism()} cores, ${gib} GiB, Node ${process.version}\n`);
  let missed = 0;
  for (const scenario of SCENARIOS) {
    if (names.length > 0 && !names.includes(scenario.name)) continue;
    console.log(`${scenario.name}: ${scenario.target}`);
    const { rows, met } = await scenario.run({ quick });
    for (const { figure, value } of rows) console.log(`  ${figure.padEnd(58)} ${value}`);
    console.log(`  ${met === null ? 'reported' : met ? 'met' : 'MISSED'}\n`);
    if (met === false) missed += 1;
  }
  return missed === 0 ? 0 : 1;
}

process.exitCode = await main(process.argv.slice(2));
