import { join } from 'node:path';
import { archiveOfFolder } from '../../test/planes/archive.ts';
import { type Builder, builderOn } from '../../test/planes/builder.ts';
import { startTwoPlanes } from '../../test/planes/two-planes.ts';
import { furtherOrg } from '../platform/further-org.ts';
import { type Client, createSession, endSession, streamTurn } from '../platform/turn.ts';
import { ms, ratio, type Scenario } from '../scenario.ts';
import { scripted } from '../script.ts';
import { median, quantile } from '../statistics.ts';

const APPLICATION = join(import.meta.dirname, '../applications/opencode');
const MEDIAN = 2;
const TAIL = 3;
/** Turns that wait in each session of the burst. */
const TURNS_OF_SESSION = 8;
/** A model's time, as real ones take it: what is shared is places, not only processor time. */
const ANSWER = scripted({ text: 'word '.repeat(10), n: 10, gap: 100 });
const WARM_UP = 3;

/**
 * Two orgs on one server. One sends 200 turns at once, into more sessions than there is memory for;
 * the other talks in one session and opens a new one now and then. How long the other waits for its
 * first text, against what it waits when it is alone, in the same run. Once that is measured, what
 * is left of the burst is ended. Both planes are in this process, the sandboxes are real.
 */
export const fairness: Scenario = {
  name: 'fairness',
  target: `beside a burst of 200 turns another org's wait is ≤ ${MEDIAN}× at the median, ≤ ${TAIL}× at p95, of what it is alone`,
  async run({ quick }) {
    const burst = quick ? 48 : 200;
    const rounds = quick ? 8 : 30;
    const planes = await startTwoPlanes({ signup: 'open' });
    try {
      const archive = await archiveOfFolder(APPLICATION);
      await publish(builderOn(planes), 'loud', archive);
      const apiKey = await furtherOrg(planes, 'calm');
      await publish(builderOn({ ...planes, apiKey }), 'calm', archive);
      const origin = new URL(planes.data.url);
      const loud = { origin, apiKey: planes.apiKey };
      const calm = { origin, apiKey };

      const session = await createSession(calm);
      const turn = async () => (await streamTurn(calm, session, ANSWER)).firstText;
      for (let index = 0; index < WARM_UP; index += 1) await turn();
      const alone: number[] = [];
      for (let index = 0; index < rounds; index += 1) alone.push(await turn());
      const newAlone = await newSession(calm);

      const noise = makeBurst(loud, burst);
      await noise.running;
      const beside: number[] = [];
      while (!noise.over() && beside.length < rounds) beside.push(await turn());
      const newBeside = noise.over() ? 'the burst was over' : await newSession(calm);
      const { done, refused, left } = await noise.end();
      if (beside.length === 0) throw new Error('the burst was over before anything was measured');

      const middle = median(beside) / median(alone);
      const tail = quantile(beside, 0.95) / quantile(alone, 0.95);
      return {
        rows: [
          { figure: `alone, median / p95 (n=${alone.length})`, value: shown(alone) },
          { figure: `beside the burst, median / p95 (n=${beside.length})`, value: shown(beside) },
          { figure: 'ratio, median / p95', value: `${ratio(middle)} / ${ratio(tail)}` },
          {
            figure: 'first text of a new session, alone / beside',
            value: `${newAlone} / ${newBeside}`,
          },
          {
            figure: `turns of the burst, done / refused / ended with the run (of ${burst})`,
            value: `${done} / ${refused} / ${left}`,
          },
        ],
        met: middle <= MEDIAN && tail <= TAIL,
      };
    } finally {
      await planes.stop();
    }
  },
};

/** The first text of a session that is opened for it, or why there was none. */
async function newSession(client: Client): Promise<string> {
  try {
    const session = await createSession(client);
    return ms((await streamTurn(client, session, ANSWER)).firstText);
  } catch (error) {
    return /"code":"(\w+)"/.exec(String(error))?.[1] ?? String(error);
  }
}

/** Throws where the build fails: there would be nothing to measure. */
async function publish(
  builder: Builder,
  ref: string,
  archive: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const { status, problems } = await builder.publish(ref, archive);
  if (status === 'failed')
    throw new Error(`${ref}: ${problems.map((one) => one.message).join(' ')}`);
}

interface Burst {
  /** Resolves when its first turn has begun to answer. */
  running: Promise<void>;
  over(): boolean;
  /** Ends the sessions that are left, and tells how its turns went. */
  end(): Promise<{ done: number; refused: number; left: number }>;
}

/** Sends all turns at once. */
function makeBurst(client: Client, turns: number): Burst {
  const first = Promise.withResolvers<void>();
  const sessions: string[] = [];
  const count = { done: 0, refused: 0, left: 0 };
  let over = false;
  let ending = false;
  const inSession = async (turnsOfIt: number) => {
    const session = await createSession(client);
    sessions.push(session);
    const turn = async () => {
      try {
        await streamTurn(client, session, ANSWER);
        count.done += 1;
      } catch {
        // For want of room, after half a minute, or because we ended it: it is told in the figures.
        count[ending ? 'left' : 'refused'] += 1;
      }
      first.resolve();
    };
    await Promise.all(Array.from({ length: turnsOfIt }, turn));
  };
  const ended = Promise.all(
    Array.from({ length: Math.ceil(turns / TURNS_OF_SESSION) }, (_, index) =>
      inSession(Math.min(TURNS_OF_SESSION, turns - index * TURNS_OF_SESSION)),
    ),
  ).then(() => {
    over = true;
  });
  return {
    running: Promise.race([first.promise, ended]),
    over: () => over,
    async end() {
      ending = true;
      await Promise.all(sessions.map((session) => endSession(client, session)));
      await ended;
      return count;
    },
  };
}

function shown(times: readonly number[]): string {
  return `${ms(median(times))} / ${ms(quantile(times, 0.95))}`;
}
