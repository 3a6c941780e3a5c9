import { Agent, type IncomingMessage, request } from 'node:http';
import type { BenchServer } from './server.ts';

/** What one streamed turn took, in milliseconds from the moment the request was made. */
export interface TurnTimes {
  firstText: number;
  done: number;
  /** `text` events. */
  texts: number;
}

const agent = new Agent({ keepAlive: true });

function call(server: BenchServer, path: string, body: object): Promise<IncomingMessage> {
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

export async function createSession(server: BenchServer): Promise<string> {
  const answer = await call(server, '/v1/sessions', {});
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (answer.statusCode !== 201) throw new Error(`create: ${answer.statusCode} ${text}`);
  return (JSON.parse(text) as { id: string }).id;
}

/** Sends a message and reads its stream to the `done`. */
export async function streamTurn(
  server: BenchServer,
  sessionId: string,
  text: string,
): Promise<TurnTimes> {
  const began = performance.now();
  const answer = await call(server, `/v1/sessions/${sessionId}/messages`, { text, stream: true });
  const times: TurnTimes = { firstText: 0, done: 0, texts: 0 };
  for await (const frame of frames(answer)) {
    if (frame.includes('\nevent: text\n')) {
      times.texts += 1;
      if (times.texts === 1) times.firstText = performance.now() - began;
    } else if (frame.includes('\nevent: error\n')) throw new Error(frame);
    else if (frame.includes('\nevent: done\n')) times.done = performance.now() - began;
  }
  if (times.texts === 0) throw new Error('the turn had no text');
  return times;
}

/** The frames of an event stream, without looking into them. */
export async function* frames(answer: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  answer.setEncoding('utf8');
  for await (const chunk of answer) {
    rest += chunk as string;
    for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
      yield `\n${rest.slice(0, end)}\n`;
      rest = rest.slice(end + 2);
    }
  }
}
