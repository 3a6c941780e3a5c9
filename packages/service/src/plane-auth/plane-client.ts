import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { ERRORS, type ErrorCode, KartaError, PLANE_PROTOCOL } from '@karta/protocol';
import { z } from 'zod';
import type { PlanePrivateKey } from './key-pair.ts';
import { bodyDigest, mintServiceToken, type PlaneName } from './service-token.ts';

/** Says which number of `PLANE_PROTOCOL` a plane speaks, on each request and each answer. */
export const PLANE_PROTOCOL_HEADER = 'karta-plane-protocol';
/** Carries an org grant or a build grant. */
export const GRANT_HEADER = 'karta-grant';

/** How long the other plane may take to begin its answer, in milliseconds. */
const ANSWER_MS = 10_000;

export interface PlaneClientOptions {
  /** The other plane's internal surface, `http://host:port`. */
  baseUrl: string;
  /** What this plane signs with: asked at each request where it may change. */
  key: PlanePrivateKey | (() => PlanePrivateKey);
  /** The other plane. */
  audience: PlaneName;
  /** Milliseconds until the answer begins. */
  timeoutMs?: number;
  /** Of this plane; other numbers are for tests. */
  protocol?: number;
}

/** A request to the other plane. */
export interface PlaneRequest {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With the query. */
  path: string;
  /** Sent as JSON. */
  json?: unknown;
  /** A file whose SHA-256 is known: streamed, and held against it by the other plane. */
  file?: { path: string; digest: string };
  /** An org grant or a build grant. */
  grant?: string;
  /** Milliseconds until the answer begins, where it is not the usual time. */
  timeoutMs?: number;
  signal?: AbortSignal;
}

/** Speaks to the other plane's `/v1/internal/*`, each request signed. */
export interface PlaneClient {
  /**
   * The answer's JSON, or `null` for a 404 of the other plane. Throws `KartaError`:
   * `control_unavailable` when it cannot be reached or does not know this plane, `plane_mismatch`
   * when it speaks another protocol, else the code that it answered.
   */
  call<T>(request: PlaneRequest, answer: z.ZodType<T>): Promise<T | null>;
  /** The answer itself, for one that is streamed. Throws as `call`; a 404 is answered as it is. */
  fetch(request: PlaneRequest): Promise<Response>;
}

/** Why a call failed: the other plane does not believe the key that signed it. */
class NotKnownThere extends Error {}

/** Whether a call failed because the other plane does not believe the key that signed it. */
export function isNotKnownThere(error: unknown): boolean {
  return KartaError.is(error) && error.cause instanceof NotKnownThere;
}

function keyOf({ key }: PlaneClientOptions): PlanePrivateKey {
  return typeof key === 'function' ? key() : key;
}

/** A client of the other plane. Holds no connection by itself. */
export function planeClient(options: PlaneClientOptions): PlaneClient {
  const protocol = options.protocol ?? PLANE_PROTOCOL;

  async function send(request: PlaneRequest): Promise<Response> {
    const { method, path, grant, file } = request;
    const body = request.json === undefined ? '' : JSON.stringify(request.json);
    const token = await mintServiceToken(keyOf(options), options.audience, {
      method,
      path,
      bodyDigest: file?.digest ?? bodyDigest(body),
    });
    const began = new AbortController();
    const late = setTimeout(
      () => began.abort(new Error('no answer in time')),
      request.timeoutMs ?? options.timeoutMs ?? ANSWER_MS,
    );
    try {
      return await fetch(options.baseUrl + path, {
        method,
        redirect: 'error',
        headers: {
          authorization: `Bearer ${token}`,
          [PLANE_PROTOCOL_HEADER]: String(protocol),
          ...(body === '' ? {} : { 'content-type': 'application/json' }),
          ...(file === undefined ? {} : { 'content-type': 'application/octet-stream' }),
          ...(grant === undefined ? {} : { [GRANT_HEADER]: grant }),
        },
        ...(body === '' ? {} : { body }),
        ...(file === undefined ? {} : { body: fileBody(file.path), duplex: 'half' }),
        signal: AbortSignal.any([began.signal, ...(request.signal ? [request.signal] : [])]),
      });
    } catch (error) {
      request.signal?.throwIfAborted();
      throw unavailable(`does not answer (${reasonOf(error)})`, error);
    } finally {
      clearTimeout(late);
    }
  }

  function unavailable(what: string, cause?: unknown): KartaError {
    return new KartaError('control_unavailable', `The ${options.audience} plane ${what}.`, {
      cause,
    });
  }

  async function answered(request: PlaneRequest): Promise<Response> {
    const response = await send(request);
    const theirs = response.headers.get(PLANE_PROTOCOL_HEADER);
    if (theirs === null) {
      await response.body?.cancel();
      // Whoever is not believed is told nothing, so this is all that can be said here.
      throw unavailable('does not know this one: its log says why', new NotKnownThere());
    }
    if (theirs !== String(protocol)) {
      await response.body?.cancel();
      throw new KartaError(
        'plane_mismatch',
        `This plane speaks protocol ${protocol}, the ${options.audience} plane ${theirs}.`,
      );
    }
    return response;
  }

  return {
    async call(request, answer) {
      const response = await answered(request);
      if (response.status === 404) {
        await response.body?.cancel();
        return null;
      }
      const value: unknown = await response.json().catch(() => undefined);
      if (!response.ok) throw problemError(options.audience, response, value);
      const parsed = answer.safeParse(value);
      if (parsed.success) return parsed.data;
      throw unavailable('answered what cannot be read', parsed.error);
    },
    fetch: answered,
  };
}

function fileBody(path: string): ReadableStream<Uint8Array> {
  // Node's stream of a file has bytes only.
  return Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
}

/** The error that the other plane answered with, under its own code. */
function problemError(audience: PlaneName, response: Response, value: unknown): KartaError {
  const known = problemAnswer.safeParse(value);
  if (!known.success) {
    const detail = `The ${audience} plane answered ${response.status}.`;
    return new KartaError('control_unavailable', detail);
  }
  const { error, detail, errors, version } = known.data;
  const retryAfter = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new KartaError(error, detail, {
    extra: {
      ...(errors === undefined ? {} : { errors }),
      ...(version === undefined ? {} : { version }),
    },
    ...(Number.isFinite(retryAfter) ? { retryAfter } : {}),
  });
}

const errorCodes = Object.keys(ERRORS) as ErrorCode[];
const problemAnswer = z.object({
  error: z.enum(errorCodes),
  detail: z.string(),
  errors: z.array(z.unknown()).optional(),
  /** What a node that is out of date says it has. */
  version: z.int().optional(),
});

/** Why a request failed, from the network's own words. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const cause = error.cause as NodeJS.ErrnoException | undefined;
  return cause?.code ?? error.message;
}
