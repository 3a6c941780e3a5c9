import { EventStreamCodec } from '@smithy/core/event-streams';

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString()),
  (text) => Buffer.from(text),
);
const PADDING = 'abcdefghijklmnopqrstuvwxyz';

/** A frame of AWS's event stream, by AWS's own codec. */
export function awsFrame(headers: Record<string, string>, payload: unknown): Buffer {
  const typed = Object.entries(headers).map(([name, value]) => [
    name,
    { type: 'string' as const, value },
  ]);
  const body = Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload));
  return Buffer.from(codec.encode({ headers: Object.fromEntries(typed), body }));
}

/** One event of a model as Bedrock sends it: the JSON within JSON, and padding of some length. */
export function chunkFrame(event: object | string): Buffer {
  const text = typeof event === 'string' ? event : JSON.stringify(event);
  const bytes = Buffer.from(text).toString('base64');
  const headers = {
    ':event-type': 'chunk',
    ':content-type': 'application/json',
    ':message-type': 'event',
  };
  return awsFrame(headers, { bytes, p: PADDING.slice(0, 1 + (bytes.length % PADDING.length)) });
}

/** An exception that AWS's models name, as `throttlingException`. */
export function exceptionFrame(exception: string, message: string): Buffer {
  const headers = {
    ':exception-type': exception,
    ':content-type': 'application/json',
    ':message-type': 'exception',
  };
  return awsFrame(headers, { message });
}

/** An error that they do not name. */
export function errorFrame(code: string, message: string): Buffer {
  return awsFrame({ ':error-code': code, ':error-message': message, ':message-type': 'error' }, '');
}

/** What Bedrock adds to the last event of a stream. */
export const INVOCATION_METRICS = {
  'amazon-bedrock-invocationMetrics': {
    inputTokenCount: 4_711,
    outputTokenCount: 1_174,
    invocationLatency: 597,
    firstByteLatency: 293,
  },
};
