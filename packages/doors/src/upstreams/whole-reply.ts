import { Readable } from 'node:stream';
import { type Refusal, refuse, type WholeAnswer } from '../wire/errors.ts';
import type { ModelReply } from './port.ts';

/** An answer that is there as a whole. A stream of it, which is dear, is made for whoever asks. */
export function wholeReply({
  status,
  headers,
  body,
}: Omit<WholeAnswer, 'body'> & { body: string | Buffer }): ModelReply & { whole: Buffer } {
  return new WholeReply(status, headers, typeof body === 'string' ? Buffer.from(body) : body);
}

class WholeReply implements ModelReply {
  readonly status: number;
  readonly headers: ModelReply['headers'];
  readonly whole: Buffer;
  providerStatus?: number;

  constructor(status: number, headers: ModelReply['headers'], whole: Buffer) {
    this.status = status;
    this.headers = headers;
    this.whole = whole;
  }

  get body(): Readable {
    return Readable.from([this.whole], { objectMode: false });
  }
}

/** The same, given in place of a provider's answer of this status. */
export function answeredAs(reply: ModelReply, providerStatus: number): ModelReply {
  reply.providerStatus = providerStatus;
  return reply;
}

/** A refusal of our own to a call on the Anthropic wire. */
export function anthropicRefusal(refusal: Refusal, message: string): ModelReply {
  return wholeReply(refuse('anthropic', refusal, message));
}
