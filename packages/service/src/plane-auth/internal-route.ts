import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import type { PeerKind } from './service-verifier.ts';

/** A request of the other plane that is believed, and whose body is what it signed for. */
export interface InternalCall<Body> {
  /** The plane that asks: what grants are bound to. */
  nodeId: string;
  /** A path parameter, percent-decoded. */
  param(name: string): string;
  query: URLSearchParams;
  /** The JSON body, validated; `undefined` for a route without one. */
  body: Body;
  /** The grant that came along, not yet looked at. */
  grant: string | null;
  /** The body of a route that takes a stream. Its digest is {@link streamDigest}. */
  stream: IncomingMessage;
  /**
   * SHA-256 hex that the streamed body must have, or `UNSIGNED-STREAM`: to be held against what
   * was read before it is used.
   */
  streamDigest: string;
  /** Aborts when the other plane has gone away. */
  signal: AbortSignal;
}

/** One operation between the planes. */
export interface InternalRoute<Body = unknown> {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Below the root, such as `/v1/internal/blobs/{digest}`. */
  path: `/v1/internal/${string}`;
  /** Who may ask; a plane where nothing is said. For anybody else there is no such route. */
  peer?: PeerKind;
  /** JSON bodies only. */
  body?: z.ZodType<Body>;
  /** Reads the body by itself, from `call.stream`. */
  streamed?: boolean;
  /** A `Response`, or what is answered 200 as JSON; `null` is 404. Throws `KartaError`. */
  handle(call: InternalCall<Body>): Promise<object | null>;
}

/** A route with its body's type closed over. */
export type BoundInternalRoute = InternalRoute<never>;

/** States the type of a route's body from its schema. */
export function internalRoute<Body = undefined>(route: InternalRoute<Body>): BoundInternalRoute {
  // Only `serveInternal` calls it, with what the route's own schema let through.
  return route as unknown as BoundInternalRoute;
}
