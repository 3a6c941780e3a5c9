import { z } from 'zod';
import type { EventStreamMessage } from './aws-parts.ts';
import { bedrockErrorType } from './refusal.ts';

/** What Bedrock adds to the last event: its own count, and how long it took. */
const METRICS = 'amazon-bedrock-invocationMetrics';

/** Beside the event there is padding, so that its length tells nobody anything. */
const chunkPayload = z.object({ bytes: z.base64().optional() });
const anthropicEvent = z.object({ type: z.string().regex(/^\w{1,64}$/) });
const exceptionPayload = z.object({ message: z.string() });

/** What one message says, as Anthropic would have streamed it; the text may be empty. */
export interface ToldEvent {
  text: string;
  /** Nothing comes after an error. */
  last: boolean;
}

/**
 * The event that a message carries. Throws for what is none of Bedrock's: the stream is broken.
 * `clean` frees the text of an error of secrets.
 */
export function toldBy(
  { headers, body }: EventStreamMessage,
  clean: (text: string) => string,
): ToldEvent {
  const header = (name: string) => String(headers[name]?.value ?? '');
  switch (header(':message-type')) {
    case 'event':
      return { text: header(':event-type') === 'chunk' ? chunkEvent(body) : '', last: false };
    case 'exception': {
      const told = exceptionPayload.safeParse(parsed(body));
      return errorEvent(header(':exception-type'), told.success ? clean(told.data.message) : '');
    }
    case 'error':
      return errorEvent(header(':error-code'), clean(header(':error-message')));
    default:
      throw new Error('a message of no known type');
  }
}

/** Chunks without an event, and events without a name, keep the connection alive. */
function chunkEvent(body: Uint8Array): string {
  const { bytes } = chunkPayload.parse(parsed(body));
  if (bytes === undefined) return '';
  const text = Buffer.from(bytes, 'base64').toString();
  const event = JSON.parse(text);
  const named = anthropicEvent.safeParse(event);
  if (!named.success) return '';
  const asItIs = !text.includes(METRICS) && !/[\r\n]/.test(text);
  if (!asItIs) delete event[METRICS];
  return `event: ${named.data.type}\ndata: ${asItIs ? text : JSON.stringify(event)}\n\n`;
}

function errorEvent(exception: string, message: string): ToldEvent {
  const type = bedrockErrorType(exception);
  const error = { type, message: message === '' ? 'The model provider failed.' : message };
  const data = JSON.stringify({ type: 'error', error });
  return { text: `event: error\ndata: ${data}\n\n`, last: true };
}

function parsed(body: Uint8Array): unknown {
  return JSON.parse(Buffer.from(body).toString());
}
