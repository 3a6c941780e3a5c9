/** How the provider treats one call. */
export type Manner =
  /** Takes what it likes within the limits, and tells it. */
  | 'honest'
  /** Takes within the limits, and never tells. */
  | 'silent'
  /** Tells its input, breaks off in the middle, and bills what it has said until then. */
  | 'breaks_off'
  /** Takes more than it was allowed, and tells that. */
  | 'breaks_limit'
  /** Refuses, and bills nothing. */
  | 'refuses';

/** What the provider bills for one call: the truth that everything is held against. */
export interface Bill {
  input: number;
  output: number;
  /** It took more than it was sent. */
  brokeLimit: boolean;
}

/** A provider that keeps its own books. */
export class ScriptedProvider {
  readonly bills = new Map<string, Bill>();
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Takes a call: from now on it is billed. Answers the bytes of an answer in one piece. */
  take(call: { id: string; manner: Manner; body: Buffer; maxInput: number }): {
    status: number;
    contentType: string;
    body: string;
  } {
    const { id, manner, body, maxInput } = call;
    const { max_tokens: limit } = JSON.parse(body.toString()) as { max_tokens: number };
    if (manner === 'refuses') {
      return { status: 529, contentType: 'application/json', body: '{"type":"error"}' };
    }
    const broke = manner === 'breaks_limit';
    const input = 1 + Math.floor(this.#random() * (maxInput - 1));
    // As much as it may is the hardest case, and not a rare one.
    const share = this.#random() < 0.4 ? 1 : this.#random();
    const output = broke ? limit + 1 + Math.floor(this.#random() * 300) : Math.floor(limit * share);
    this.bills.set(id, { input, output, brokeLimit: broke });
    const usage = { input_tokens: input, output_tokens: output };
    const json = 'application/json';
    const stream = 'text/event-stream';
    if (manner === 'silent') return { status: 200, contentType: json, body: '{"type":"message"}' };
    if (manner === 'breaks_off') {
      const message = { usage: { ...usage, output_tokens: 1 } };
      const start = JSON.stringify({ type: 'message_start', message });
      return { status: 200, contentType: stream, body: `event: message_start\ndata: ${start}\n\n` };
    }
    const answer = JSON.stringify({ type: 'message', role: 'assistant', content: [], usage });
    return { status: 200, contentType: json, body: answer };
  }
}
