import { Readable } from 'node:stream';
import { type Refusal, refuse, type WholeAnswer } from '../wire/errors.ts';
import type { ModelReply } from './port.ts';

/** An answer that is there as a whole. */
export function wholeReply({ status, headers, body }: WholeAnswer): ModelReply {
  return { status, headers, body: Readable.from([Buffer.from(body)], { objectMode: false }) };
}

/** A refusal of our own to a call on the Anthropic wire. */
export function anthropicRefusal(refusal: Refusal, message: string): ModelReply {
  return wholeReply(refuse('anthropic', refusal, message));
}
