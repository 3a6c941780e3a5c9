import { Agent, type IncomingMessage, request } from 'node:http';
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

const agent = new Agent({ keepAlive: true });

function call(server: Client, path: string, body: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL(path, server.origin),
      {
        method: 'POST',
        agent,
        headers: {
          authorization: `Bearer ${server.apiKey}`,
          'content-type': 'application/json',
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(JSON.stringify(body));
  });
}

export async function createSession(server: Client): Promise<string> {
  const answer = await call(server, '/v1/sessions', {});
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
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

/** Sends a message and reads its stream to the `done`. */
export async function streamTurn(
  server: Client,
  sessionId: string,
  text: string,
): Promise<StreamedTurn> {
  const began = performance.now();
  const answer = await call(server, `/v1/sessions/${sessionId}/messages`, { text, stream: true });
  const times: StreamedTurn = { firstText: 0, done: 0, letters: 0, seq: 0 };
  await eachFrame(answer, (frame) => {
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

interface TextEvent {
  data: { part: { text: string } };
}

/** Calls `take` for each frame of an event stream, to the stream's end. */
export async function eachFrame(
  answer: IncomingMessage,
  take: (frame: string) => void,
): Promise<void> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    const parts = (rest + (chunk as string)).split('\n\n');
    rest = parts.pop() ?? '';
    for (const frame of parts) take(`${frame}\n`);
  }
}

/** What the one line of data of a frame holds. */
export function dataOf(frame: string): unknown {
  return JSON.parse(frame.slice(frame.indexOf('data:') + 'data:'.length));
}
