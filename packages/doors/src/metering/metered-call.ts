import { NO_USAGE, type PricedCounts, type Usage } from '@karta/protocol';
import { tokensOfLength } from '../demo/tokens.ts';
import type { RouteName } from '../wire/routes.ts';
import { type AnswerReader, answerReader } from './answer-reader.ts';

/** What a call costs: the provider's count, or ours where the provider never told. */
export interface Booked {
  usage: Usage;
  /** The parts of it that may have a price of their own. */
  parts: Required<Pick<PricedCounts, 'cache_write_1h_tokens' | 'reasoning_tokens'>>;
  estimated: boolean;
  /** Whether the provider has told its input. */
  inputTold: boolean;
}

/**
 * One call on its way. It can be asked for its cost at any time; the answer is final once the call
 * is over. A provider that was sent the request and was then cut off bills it nevertheless: what it
 * did not report is counted by the demo model's rule over the bytes sent and the text received, or,
 * under a cap, as the most that it can be: whoever breaks off before the count spends no less.
 */
export class MeteredCall {
  private readonly route: RouteName;
  private readonly requestBytes: number;
  private reader: AnswerReader | null = null;
  private free = false;
  private over = false;
  /** Of a call that is over. */
  private final: Booked | null = null;
  private limits: { input: number; output: number } | null = null;

  constructor(route: RouteName, requestBytes: number) {
    this.route = route;
    this.requestBytes = requestBytes;
  }

  /** The call is sent with these limits, in tokens; what is never told counts as them. */
  limitTo(limits: { input: number; output: number }): void {
    this.limits = limits;
  }

  /** The provider began to answer. A refusal costs nothing. */
  answered(status: number, contentType: string): void {
    if (status >= 200 && status < 300) this.reader = answerReader(this.route, contentType);
    else this.free = true;
  }

  /** The provider never saw the request. */
  notSent(): void {
    this.free = true;
  }

  push(chunk: Buffer): void {
    this.reader?.push(chunk);
  }

  /** The answer came to its own end. */
  end(): void {
    this.reader?.end();
    this.over = true;
  }

  /** Whether anybody bills it: not a request that was refused, in a stream too, or never sent. */
  get billed(): boolean {
    const report = this.reader?.told;
    return !this.free && !(report?.refused === true && !report.begun);
  }

  booked(): Booked {
    if (!this.billed) return NOT_BILLED;
    if (!this.over) return this.counted();
    this.final ??= this.counted();
    return this.final;
  }

  private counted(): Booked {
    const report = this.reader?.told;
    const input = report?.input ?? null;
    const input_tokens =
      input?.input_tokens ?? this.limits?.input ?? tokensOfLength(this.requestBytes);
    const exact = report?.final === true && input !== null;
    const output = exact ? (report.output ?? 0) : Math.max(this.seen(), report?.output ?? 0);
    return {
      usage: {
        input_tokens,
        cache_read_tokens: input?.cache_read_tokens ?? 0,
        cache_write_tokens: input?.cache_write_tokens ?? 0,
        output_tokens: output,
        total_tokens: input_tokens + output,
      },
      parts: {
        cache_write_1h_tokens: input?.cache_write_1h_tokens ?? 0,
        reasoning_tokens: report?.reasoning ?? 0,
      },
      estimated: !exact,
      inputTold: input !== null,
    };
  }

  /** Tokens of output by our own count, where none is told. */
  private seen(): number {
    return Math.max(tokensOfLength(this.reader?.outputUnits() ?? 0), this.limits?.output ?? 0);
  }
}

/** What a call costs that nobody bills. */
export const NOT_BILLED: Booked = Object.freeze({
  usage: NO_USAGE,
  parts: Object.freeze({ cache_write_1h_tokens: 0, reasoning_tokens: 0 }),
  estimated: false,
  inputTold: true,
});
