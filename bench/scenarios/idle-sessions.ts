import { setTimeout as delay } from 'node:timers/promises';
import { processTree } from '../platform/process-tree.ts';
import { serveApplication } from '../platform/server.ts';
import { createSession } from '../platform/turn.ts';
import type { Scenario } from '../scenario.ts';

const SESSIONS = 1_000;
const MIB = 1024 * 1024;
/** Created and then forgotten, so that one-time costs of the first requests are not counted. */
const WARM_UP = 200;
/** After it V8 has returned what it took only for the creating. */
const IDLE_MS = 60_000;

/**
 * What 1,000 sessions cost that nobody talks to: processes, and memory of all the server's. What
 * counts is the memory right after they are created; what is left of it after a minute is told.
 */
export const idleSessions: Scenario = {
  name: 'idle-sessions',
  target: '1,000 idle sessions: no process of theirs, ≤ 50 MB above an empty server',
  async run() {
    const server = await serveApplication('opencode', { warm: 0 });
    for (let index = 0; index < WARM_UP; index++) await createSession(server);
    const before = await processTree(server.pid);
    for (let index = 0; index < SESSIONS; index++) await createSession(server);
    const after = await processTree(server.pid);
    await delay(IDLE_MS);
    const idle = await processTree(server.pid);
    await server.stop();
    const grownTo = (tree: typeof after) => (tree.pssBytes - before.pssBytes) / MIB;
    const grown = grownTo(after);
    const names = (tree: typeof after) =>
      tree.commands.filter((name) => name !== 'postgres').length;
    const more = names(after) - names(before);
    return {
      rows: [
        {
          figure: 'memory of the server, empty (PSS)',
          value: `${(before.pssBytes / MIB).toFixed(0)} MB`,
        },
        { figure: `memory added by ${SESSIONS} sessions`, value: `${grown.toFixed(1)} MB` },
        { figure: 'of it after an idle minute', value: `${grownTo(idle).toFixed(1)} MB` },
        { figure: 'processes added', value: String(more) },
      ],
      met: grown <= 50 && more <= 0,
    };
  },
};
