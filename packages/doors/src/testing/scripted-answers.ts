import type { IncomingMessage, ServerResponse } from 'node:http';

/** How a provider of a test answers one request. */
export type ScriptedAnswer =
  | { status: number; headers?: Record<string, string>; error?: object }
  /** Bytes of a stream; then it ends, or with `cut` breaks. */
  | { stream: string; cut?: boolean }
  /** The connection is cut without a word. */
  | 'cut'
  /** Nothing comes. */
  | 'silence'
  /** The demo model answers. */
  | 'answer';

/** A provider's answers in the order in which they are to be given; `answer` once they are used up. */
export class ScriptedAnswers {
  readonly #next: ScriptedAnswer[] = [];
  /** When each request came, ms of a clock that never goes back. */
  readonly times: number[] = [];

  set(...answers: ScriptedAnswer[]): void {
    this.times.length = 0;
    this.#next.splice(0, this.#next.length, ...answers);
  }

  /** For `servePlain`. */
  readonly before = (_request: IncomingMessage, response: ServerResponse): boolean => {
    this.times.push(performance.now());
    const answer = this.#next.shift() ?? 'answer';
    if (answer === 'answer') return false;
    if (answer === 'cut') response.destroy();
    else if (answer !== 'silence') give(answer, response);
    return true;
  };
}

function give(answer: Extract<ScriptedAnswer, object>, response: ServerResponse): void {
  if ('stream' in answer) {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(answer.stream);
    if (answer.cut !== true) response.end();
    else setImmediate(() => response.destroy());
    return;
  }
  const { status, headers = {}, error = { type: 'api_error', message: 'not now' } } = answer;
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ type: 'error', error }));
}
