import type { IncomingMessage } from 'node:http';
import { GatheredBytes } from '@karta/protocol';
import { CHANNEL_BODY_BYTES, REQUEST_BODY_BYTES } from '../limits.ts';
import type { OrgBodies } from './process-bodies.ts';

/** Request bodies that a channel holds in memory. */
export interface BodyBudget {
  bytes: number;
}

export type ReadBody =
  | { body: Buffer }
  | { refusal: 'too_large' | 'rate_limited' | 'overloaded' }
  /** The client went away before its request was whole. */
  | { gone: true };

/**
 * Reads a request body within its own limit, the channel's and its org's share of the process's. The bytes stay booked
 * on both budgets until the caller gives them back.
 */
export function readBody(
  request: IncomingMessage,
  budget: BodyBudget,
  all: OrgBodies,
): Promise<ReadBody> {
  if (Number(request.headers['content-length'] ?? 0) > REQUEST_BODY_BYTES) {
    return Promise.resolve({ refusal: 'too_large' });
  }
  return new Promise((resolve) => {
    /** Most bodies come in one piece, which nobody needs to copy. */
    let first: Buffer | null = null;
    let gathered: GatheredBytes | null = null;
    let size = 0;
    let settled = false;
    const settle = (result: ReadBody) => {
      settled = true;
      if (!('body' in result)) {
        request.off('data', onData);
        budget.bytes -= size;
        all.release(size);
      }
      resolve(result);
    };
    const onData = (chunk: Buffer) => {
      size += chunk.length;
      budget.bytes += chunk.length;
      const within = all.hold(chunk.length);
      if (first === null) first = chunk;
      else {
        gathered ??= GatheredBytes.from(first);
        gathered.push(chunk);
      }
      if (size > REQUEST_BODY_BYTES) settle({ refusal: 'too_large' });
      else if (budget.bytes > CHANNEL_BODY_BYTES) settle({ refusal: 'rate_limited' });
      else if (!within) settle({ refusal: 'overloaded' });
    };
    const onEnd = () => {
      const body = gathered === null ? (first ?? NOTHING) : Buffer.from(gathered.take());
      if (!settled) settle({ body });
    };
    const onClose = () => {
      if (!settled) settle({ gone: true });
    };
    request.on('data', onData).on('end', onEnd).on('close', onClose).on('error', closes);
  });
}

const NOTHING = Buffer.alloc(0);

/** 'close' follows and settles. */
function closes(): void {}
