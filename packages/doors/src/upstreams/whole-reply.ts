import { Readable } from 'node:stream';
import { type Refusal, refuse, type WholeAnswer } from '../wire/errors.ts';
import type { ModelReply } from './port.ts';

/** An answer that is there as a whole. A stream of it, which is dear, is made for whoever asks. */
export function wholeReply({
  status,
  headers,
  body,
}: Omit<WholeAnswer, 'body'> & { body: string | Buffer }): ModelReply & { whole: Buffer } {
  const whole = typeof body === 'string' ? Buffer.from(body) : body;
  return {
    ...{ status, headers, whole },
    get body() {
      return Readable.from([whole], { objectMode: false });
    },
  };
}

/** A refusal of our own to a call on the Anthropic wire. */
export function anthropicRefusal(refusal: Refusal, message: string): ModelReply {
  return wholeReply(refuse('anthropic', refusal, message));
}
