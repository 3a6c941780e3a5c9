import type { AuditEvent, AuditHead, AuditKeys, AuditQuery } from '@karta/protocol';
import { listOf, type PagedList } from '../page.ts';
import type { Transport } from '../transport.ts';

export interface AuditListOptions extends Omit<AuditQuery, 'cursor'> {
  signal?: AbortSignal;
}

/** Who did what in an org. */
export class Audit {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Events, the newest first. */
  list(options: AuditListOptions = {}): PagedList<AuditEvent> {
    const { limit, signal, ...query } = options;
    return listOf(this.#transport, '/v1/audit', 'events', {
      query,
      ...(limit === undefined ? {} : { limit }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Signed heads, the newest first. */
  heads(options: { limit?: number; signal?: AbortSignal } = {}): PagedList<AuditHead> {
    return listOf(this.#transport, '/v1/audit/heads', 'heads', options);
  }

  /** The end of the log now, signed: keep it elsewhere. */
  head(options: { signal?: AbortSignal } = {}): Promise<AuditHead> {
    return this.#transport.json({ method: 'GET', path: '/v1/audit/head', signal: options.signal });
  }

  /** The log as lines of JSON, from its first event or `from` to the signed head, as it comes. */
  export(options: { from?: number; signal?: AbortSignal } = {}): Promise<Response> {
    return this.#transport.send({
      method: 'GET',
      path: '/v1/audit/export',
      query: { from: options.from?.toString() },
      signal: options.signal,
    });
  }

  /** The public keys of signed heads. */
  keys(options: { signal?: AbortSignal } = {}): Promise<AuditKeys> {
    return this.#transport.json({ method: 'GET', path: '/v1/audit/keys', signal: options.signal });
  }
}
