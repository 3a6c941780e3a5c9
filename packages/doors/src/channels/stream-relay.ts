import type { ServerResponse } from 'node:http';
import { FIRST_EVENT_MS } from '../limits.ts';
import { type AnswerFlow, type AnswerSink, flowTo, NO_FLOW } from '../upstreams/answer-flow.ts';
import type { ModelReply } from '../upstreams/port.ts';
import { UsageChunkFilter } from '../wire/usage-chunk-filter.ts';
import { ChunkedAnswer } from './chunked-answer.ts';
import type { Relayed, RelayOptions } from './relay.ts';

const NOTHING = Buffer.alloc(0);

/** One event stream on its way to the client. */
export class StreamRelay implements AnswerSink {
  flow: AnswerFlow = NO_FLOW;
  readonly #response: ServerResponse;
  readonly #answer: ChunkedAnswer;
  readonly #options: RelayOptions;
  readonly #filter: UsageChunkFilter | null;
  readonly #relayed = Promise.withResolvers<Relayed>();
  /** Its first bytes have not come, and may say that nothing of it is passed on. */
  #judging: boolean;
  #waiting: NodeJS.Timeout | undefined;
  #full = false;
  #ended = false;
  #settled = false;

  static relayed(
    reply: ModelReply,
    response: ServerResponse,
    options: RelayOptions,
  ): Promise<Relayed> {
    const relay = new StreamRelay(reply, response, options);
    relay.#begin(reply);
    return relay.#relayed.promise;
  }

  private constructor(reply: ModelReply, response: ServerResponse, options: RelayOptions) {
    this.#response = response;
    this.#answer = new ChunkedAnswer(reply, response);
    this.#options = options;
    this.#filter = options.hideUsage ? new UsageChunkFilter() : null;
    this.#judging = options.turnsAway !== undefined;
  }

  #begin(reply: ModelReply): void {
    this.#response.on('close', this.#onClose);
    flowTo(reply, this);
    if (this.#settled || this.#ended || this.#answer.begun) return;
    // The head often comes with the first bytes: then both go on together. If not, it goes alone.
    if (this.#judging) this.#waiting = setTimeout(this.#flushHead, FIRST_EVENT_MS);
    else setImmediate(this.#flushHead);
  }

  onBytes(bytes: Buffer): void {
    if (this.#settled || this.#turnedAway(bytes)) return;
    this.#options.onChunk(bytes);
    this.#write(bytes);
  }

  onEnd(rest: Buffer): void {
    if (this.#settled || (rest.length > 0 && this.#turnedAway(rest))) return;
    this.#ended = true;
    if (rest.length > 0) this.#options.onChunk(rest);
    // What came first somebody waits for; what comes last goes on with the end.
    const last = this.#answer.begun ? rest : NOTHING;
    if (last !== rest) this.#write(rest);
    const { beforeEnd } = this.#options;
    if (beforeEnd === undefined) this.#complete(last);
    else beforeEnd().then(() => this.#complete(last), this.#cut);
  }

  onBroken(): void {
    this.#cut();
  }

  #turnedAway(first: Buffer): boolean {
    if (!this.#judging) return false;
    this.#judging = false;
    if (this.#options.turnsAway?.(first) !== true) return false;
    this.flow.leave();
    this.#options.onChunk(first);
    this.#settle('turned_away');
    return true;
  }

  #write(bytes: Buffer): void {
    const passed = this.#filter === null ? bytes : this.#filter.push(bytes);
    if (this.#answer.write(passed) || this.#full) return;
    this.#full = true;
    this.flow.hold();
    this.#response.once('drain', this.#onDrain);
  }

  #complete(last: Buffer): void {
    if (this.#settled) return;
    const filter = this.#filter;
    this.#answer.end(filter === null ? last : Buffer.concat([filter.push(last), filter.flush()]));
    this.#settle('complete');
  }

  readonly #cut = (): void => {
    // Whose client is gone hears of it from there.
    if (this.#settled || this.#response.destroyed) return;
    this.#settle('cut');
    this.#response.destroy();
  };

  readonly #onClose = (): void => {
    this.flow.leave();
    this.#settle('gone');
  };

  readonly #onDrain = (): void => {
    this.#full = false;
    this.flow.goOn();
  };

  readonly #flushHead = (): void => {
    this.#judging = false;
    if (!this.#settled && !this.#answer.begun) this.#answer.flushHead();
  };

  #settle(ending: Relayed): void {
    this.#settled = true;
    clearTimeout(this.#waiting);
    this.#response.off('drain', this.#onDrain).off('close', this.#onClose);
    this.#relayed.resolve(ending);
  }
}
