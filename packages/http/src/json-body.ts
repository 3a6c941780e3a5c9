import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { GatheredBytes, KartaError, LIMITS } from '@karta/protocol';

export interface JsonBody {
  /** A JSON object; `{}` when the body is empty. */
  value: Record<string, unknown>;
  /** SHA-256 of the body's bytes, hex. */
  digest: string;
}

/**
 * Reads a request's body as one JSON object. Throws `KartaError`: `unsupported_media_type`,
 * `payload_too_large` (with and without a content-length), `invalid_json`, `validation_failed`
 * (no object, nested too deep, or with something that would not be stored as it was sent).
 */
export async function readJsonBody(incoming: IncomingMessage): Promise<JsonBody> {
  const bytes = await readBytes(incoming, LIMITS.requestBodyBytes);
  const digest = createHash('sha256').update(bytes).digest('hex');
  if (bytes.length === 0) return { value: {}, digest };
  if (!isJson(incoming.headers['content-type'])) {
    throw new KartaError(
      'unsupported_media_type',
      incoming.headers['content-type'] === undefined
        ? 'The request has a body but no Content-Type.'
        : 'Only application/json is understood here.',
    );
  }
  const encoding = incoming.headers['content-encoding'];
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new KartaError('unsupported_media_type', 'A body with a Content-Encoding is not read.');
  }
  return { value: jsonObject(parseJson(bytes)), digest };
}

/** All of a body. Throws `KartaError`: `payload_too_large`, `invalid_request` when it breaks off. */
export async function readBytes(incoming: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(incoming.headers['content-length'] ?? 0) > limit) throw tooLarge(limit);
  const gathered = new GatheredBytes();
  try {
    // The answer still has to go out over this socket, so an early end must not destroy it.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      gathered.push(chunk as Buffer);
      if (gathered.length > limit) throw tooLarge(limit);
    }
  } catch (error) {
    if (KartaError.is(error)) throw error;
    throw new KartaError('invalid_request', 'The body ended before it was complete.', {
      cause: error,
    });
  }
  const { buffer, length } = gathered.take();
  return Buffer.from(buffer, 0, length);
}

/** The 413 that names its limit. */
export function tooLarge(limit: number): KartaError {
  return new KartaError('payload_too_large', `The body may have at most ${limit} bytes.`, {
    extra: { limit_bytes: limit },
  });
}

function isJson(contentType: string | undefined): boolean {
  return /^application\/json *(;|$)/i.test(contentType?.trim() ?? '');
}

function parseJson(bytes: Buffer): unknown {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new KartaError('invalid_json', 'The body is not UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    // The engine's message quotes the body; of it only the place is told.
    const place = /position \d+/.exec((error as Error).message)?.[0];
    throw new KartaError(
      'invalid_json',
      place ? `The body stops being JSON at ${place}.` : 'The body ends before the JSON does.',
    );
  }
}

function jsonObject(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalid('must be a JSON object');
  }
  const problem = contentProblem(value);
  if (problem !== null) throw invalid(problem);
  return value as Record<string, unknown>;
}

function invalid(message: string): KartaError {
  return new KartaError('validation_failed', `The body ${message}.`, {
    extra: { errors: [{ pointer: '', message }] },
  });
}

/**
 * Why a document may not be used: too deep, or with what would be lost on the way (a schema leaves
 * out `__proto__`, and a number past the range of a double has become infinite). Walks level by
 * level: recursion would overflow on what it is to find.
 */
function contentProblem(root: object): string | null {
  let level: object[] = [root];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > LIMITS.jsonDepth) {
      return `must not be nested deeper than ${LIMITS.jsonDepth} levels`;
    }
    const next: object[] = [];
    for (const node of level) {
      if (Object.hasOwn(node, '__proto__')) return 'must not have a field named __proto__';
      for (const child of Object.values(node)) {
        if (typeof child === 'object' && child !== null) next.push(child);
        else if (child === Infinity || child === -Infinity) {
          return 'must not hold a number beyond 1.8e308';
        }
      }
    }
    level = next;
  }
  return null;
}
