import { Agent, type IncomingMessage, request } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { collectedHeap } from '../platform/collected-heap.ts';
import { metric } from '../platform/metrics.ts';
import { type BenchServer, serveApplication } from '../platform/server.ts';
import { createSession, streamTurn } from '../platform/turn.ts';
import type { Scenario } from '../scenario.ts';
import { scripted } from '../script.ts';

const STREAMS = 500;
const KIB = 1024;
const HEARTBEAT_MS = 15_000;
/** A heartbeat may come this much late on a busy machine before it counts as missed. */
const GRACE_MS = 2_000;
const POLL_MS = 50;
const LONG_ANSWER = scripted({ text: 'word '.repeat(2_000), n: 2_000 });

/**
 * 500 listeners on one session's events. Heap of the data plane is read after connections were
 * warmed, and its collector run before each reading; then half of them stop reading while a long answer is streamed.
 */
export const openStreams: Scenario = {
  name: 'open-streams',
  target:
    '500 open SSE streams: ≤ 15 KB of heap each, flat RSS behind slow readers, heartbeats on time',
  async run() {
    const server = await serveApplication('opencode', { warm: 0 });
    const session = await createSession(server);
    const { seq } = await streamTurn(server, session, LONG_ANSWER);
    const heap = await collectedHeap(server);
    await closeAll(server, await openAll(server, session, seq));
    const before = await heap.bytes();
    const streams = await openAll(server, session, seq);
    const perStream = ((await heap.bytes()) - before) / STREAMS / KIB;
    heap.close();

    const late = await lateHeartbeats(streams);

    const residentBefore = await metric(server, 'process_resident_memory_bytes');
    const slow = streams.slice(0, STREAMS / 2);
    for (const stream of slow) stream.pause();
    for (let round = 0; round < 5; round++) await streamTurn(server, session, LONG_ANSWER);
    const grown =
      ((await metric(server, 'process_resident_memory_bytes')) - residentBefore) / KIB / KIB;
    await closeAll(server, streams);
    await server.stop();
    return {
      rows: [
        { figure: 'heap per open stream', value: `${perStream.toFixed(1)} KB` },
        { figure: 'streams without a heartbeat in time', value: `${late} of ${STREAMS}` },
        {
          figure: 'RSS added by 250 readers that stopped reading 10,000 deltas',
          value: `${grown.toFixed(1)} MB`,
        },
      ],
      met: perStream <= 15 && late === 0 && grown <= 64,
    };
  },
};

/** Opens streams of what comes after `seq`. Throws when one is refused. */
async function openAll(
  server: BenchServer,
  session: string,
  seq: number,
): Promise<IncomingMessage[]> {
  const agent = new Agent({ keepAlive: false, maxSockets: Number.POSITIVE_INFINITY });
  const open = () =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const path = new URL(`/v1/sessions/${session}/events`, server.origin);
      const headers = { authorization: `Bearer ${server.apiKey}`, 'last-event-id': `${seq}` };
      request(path, { agent, headers }, resolve).on('error', reject).end();
    });
  const streams: IncomingMessage[] = [];
  for (let index = 0; index < STREAMS; index++) {
    const stream = await open();
    if (stream.statusCode !== 200) throw new Error(`a stream was refused: ${stream.statusCode}`);
    stream.on('error', () => undefined);
    stream.resume();
    streams.push(stream);
  }
  return streams;
}

/** Resolves when the server has seen them go. */
async function closeAll(server: BenchServer, streams: IncomingMessage[]): Promise<void> {
  for (const stream of streams) stream.destroy();
  while ((await metric(server, 'karta_http_streams_open')) > 0) await delay(POLL_MS);
}

async function lateHeartbeats(streams: IncomingMessage[]): Promise<number> {
  const beats = streams.map(
    (stream) =>
      new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => resolve(false), HEARTBEAT_MS + GRACE_MS);
        stream.once('data', () => {
          clearTimeout(timer);
          resolve(true);
        });
      }),
  );
  return (await Promise.all(beats)).filter((inTime) => !inTime).length;
}
