import { Agent, type Dispatcher, request } from 'undici';
import type { BenchServer } from './server.ts';

/** Where a turn is sent, and by whom. */
export type Client = Pick<BenchServer, 'origin' | 'apiKey'>;

/** What one streamed turn took, in milliseconds from the moment the request was made. */
export interface TurnTimes {
  firstText: number;
  done: number;
  /** Letters of the answer, in however many pieces they came. */
  letters: number;
}

/** A turn of the platform; `seq`: of its last event. */
export interface StreamedTurn extends TurnTimes {
  seq: number;
}

/** Keeps its connections. A turn may take as long as it takes. */
const agent = new Agent({ headersTimeout: 0, bodyTimeout: 0 });

function post({ origin, apiKey }: Client, path: string, body: object) {
  return {
    origin: origin.origin,
    path,
    method: 'POST' as const,
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  };
}

export async function createSession(server: Client): Promise<string> {
  const { origin, path, ...rest } = post(server, '/v1/sessions', {});
  const answer = await request(new URL(path, origin), { ...rest, dispatcher: agent });
  const text = await answer.body.text();
  if (answer.statusCode !== 201) throw new Error(`create: ${answer.statusCode} ${text}`);
  return (JSON.parse(text) as { id: string }).id;
}

/** Ends a session: its sandbox makes room for another. */
export async function endSession({ origin, apiKey }: Client, session: string): Promise<void> {
  const url = new URL(`/v1/sessions/${session}`, origin);
  const headers = { authorization: `Bearer ${apiKey}` };
  const answer = await fetch(url, { method: 'DELETE', headers });
  if (!answer.ok) throw new Error(`a session was not ended: ${answer.status}`);
}

/**
 * Sends a message and reads its stream to the `done`. The client is the leanest of Node's that speaks
 * HTTP by itself: `node:http` takes up to a millisecond more of a turn that it has not warmed up for, and
 * the client must not be what is measured.
 */
export async function streamTurn(
  server: Client,
  sessionId: string,
  text: string,
): Promise<StreamedTurn> {
  const times: StreamedTurn = { firstText: 0, done: 0, letters: 0, seq: 0 };
  const began = performance.now();
  const sent = post(server, `/v1/sessions/${sessionId}/messages`, { text, stream: true });
  await dispatched(sent, (frame) => {
    if (frame.includes('event: text\n')) {
      if (times.letters === 0) times.firstText = performance.now() - began;
      times.letters += (dataOf(frame) as TextEvent).data.part.text.length;
    } else if (frame.includes('event: error\n')) throw new Error(frame);
    else if (frame.includes('event: done\n')) {
      times.done = performance.now() - began;
      times.seq = Number(/^id: (\d+)$/m.exec(frame)?.[1]);
    }
  });
  if (times.letters === 0) throw new Error('the turn had no text');
  return times;
}

/** Resolves at the end of the answer, each of whose frames `take` was given. */
function dispatched(
  sent: Dispatcher.DispatchOptions,
  take: (frame: string) => void,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const frames = new Frames(take);
  agent.dispatch(sent, {
    onRequestStart: () => undefined,
    onResponseStart: (controller, status) => {
      if (status !== 200) controller.abort(new Error(`${sent.path}: ${status}`));
    },
    onResponseData: (controller, chunk) => {
      try {
        frames.push(chunk.toString());
      } catch (error) {
        controller.abort(error as Error);
      }
    },
    onResponseEnd: () => resolve(),
    onResponseError: (_controller, error) => reject(error),
  });
  return promise;
}

interface TextEvent {
  data: { part: { text: string } };
}

/** Cuts an event stream of one-byte letters into its frames, and gives each to `take`. */
export class Frames {
  readonly #take: (frame: string) => void;
  #rest = '';

  constructor(take: (frame: string) => void) {
    this.#take = take;
  }

  push(text: string): void {
    const parts = (this.#rest + text).split('\n\n');
    this.#rest = parts.pop() ?? '';
    for (const frame of parts) this.#take(`${frame}\n`);
  }
}

/** What the one line of data of a frame holds. */
export function dataOf(frame: string): unknown {
  return JSON.parse(frame.slice(frame.indexOf('data:') + 'data:'.length));
}
