import { Agent, request } from 'node:http';
import {
  type ClaimChannelBody,
  DOORS_START_HEADER,
  type EgressLogAnswer,
  egressLogAnswer,
  type OpenChannelAnswer,
  type OpenChannelBody,
  type OpenTurnBody,
  openChannelAnswer,
  type ProviderKeyTest,
  providerKeyTest,
  type SpendCheckAnswer,
  spendCheckAnswer,
  type spendCheckBody,
  type TestKeyBody,
  type TurnUsageAnswer,
  turnUsageAnswer,
  type UpstreamsAnswer,
  type UsageRecord,
  upstreamsAnswer,
  usageRecordsAnswer,
} from '@karta/protocol';
import { type KeyOffer, keyOffer } from '@karta/service/plane-auth';
import type { z } from 'zod';
import { RUNNER_LIMITS } from '../limits.ts';

/** Where the doors are managed from: a unix socket of the host, and the token it asks for. */
export interface DoorsAccess {
  managementSocket: string;
  token: string;
}

/** The doors refused, failed or are gone. `status` is `null` when no answer came. */
export class DoorsError extends Error {
  readonly status: number | null;
  constructor(message: string, status: number | null, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'DoorsError';
    this.status = status;
  }
}

/** How long a provider may take to answer to a key, in milliseconds. */
const KEY_TEST_MS = 25_000;
/** Longest answer read: a page of usage records, some 450 bytes each. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/**
 * The management API of the doors: channels, which turn their calls belong to, and what they cost.
 * Connections are kept open, so that a call is one write and one read. Everything rejects with
 * {@link DoorsError}.
 */
export class DoorsClient {
  readonly #access: DoorsAccess;
  readonly #agent: Agent;
  readonly #restarted: (start: string) => void;
  #start: string | null = null;

  /** `restarted` is told when other doors answer than before: no channel of before is there. */
  constructor(access: DoorsAccess, restarted: (start: string) => void = () => {}) {
    this.#access = access;
    this.#restarted = restarted;
    this.#agent = new Agent({ keepAlive: true, maxFreeSockets: 8 });
  }

  /** Which start of the doors answered last; `null` before the first answer. */
  get start(): string | null {
    return this.#start;
  }

  openChannel(body: OpenChannelBody): Promise<OpenChannelAnswer> {
    return this.#ask('POST', '/channels', openChannelAnswer, body);
  }

  /** A parked channel now serves a session; `demo`: by the demo model alone. */
  async claimChannel(channelId: string, sessionId: string, demo: boolean): Promise<void> {
    const body: ClaimChannelBody = { session_id: sessionId, mode: 'live', demo };
    await this.#ask('PATCH', `/channels/${channelId}`, null, body);
  }

  /** Closes a channel; one that is gone already is fine. */
  async closeChannel(channelId: string): Promise<void> {
    try {
      await this.#ask('DELETE', `/channels/${channelId}`, null);
    } catch (error) {
      if (!(error instanceof DoorsError && error.status === 404)) throw error;
    }
  }

  /** Calls that begin from now on are booked on this turn. */
  async openTurn(channelId: string, turn: OpenTurnBody): Promise<void> {
    await this.#ask('PUT', `/channels/${channelId}/turn`, null, turn);
  }

  /** Forgets at once what the doors know of the budgets and keys of these orgs. */
  async invalidate(orgIds: readonly string[]): Promise<void> {
    await this.#ask('POST', '/invalidate', null, { org_ids: orgIds });
  }

  /** Whether a turn may begin, by the budgets that cover it. */
  checkSpend(question: z.input<typeof spendCheckBody>): Promise<SpendCheckAnswer> {
    return this.#ask('POST', '/spend/check', spendCheckAnswer, question);
  }

  /** Ends the turn's bookings and tells their sum. */
  closeTurn(channelId: string, turnId: string): Promise<TurnUsageAnswer> {
    return this.#ask('DELETE', `/channels/${channelId}/turn/${turnId}`, turnUsageAnswer);
  }

  /** The next key that the doors sign with, offered for this rotation. */
  offerKey(rotationId: string): Promise<KeyOffer> {
    return this.#ask('POST', '/plane-key/offer', keyOffer, { rotation_id: rotationId });
  }

  /** The doors sign with the key that they offered; `false` when they never did. */
  async useKey(kid: string): Promise<boolean> {
    try {
      await this.#ask('POST', '/plane-key/use', null, { kid });
    } catch (error) {
      if (!(error instanceof DoorsError && error.status === 404)) throw error;
      return false;
    }
    return true;
  }

  /** What a provider says to an org's own key; `null` when the org has none. */
  async testKey(body: TestKeyBody): Promise<ProviderKeyTest | null> {
    try {
      return await this.#ask('POST', '/keys/test', providerKeyTest, body, KEY_TEST_MS);
    } catch (error) {
      if (!(error instanceof DoorsError && error.status === 404)) throw error;
      return null;
    }
  }

  /** The oldest calls that nobody has acknowledged, of any turn. */
  async usage(): Promise<UsageRecord[]> {
    return (await this.#ask('GET', '/usage', usageRecordsAnswer)).records;
  }

  /** The calls up to this one are safe here: the doors may forget them. */
  async ackUsage(through: number): Promise<void> {
    await this.#ask('POST', '/usage/ack', null, { through });
  }

  /** The latest connections through the egress door; none for a channel that is gone. */
  async connections(channelId: string): Promise<EgressLogAnswer> {
    try {
      return await this.#ask('GET', `/channels/${channelId}/connections`, egressLogAnswer);
    } catch (error) {
      if (!(error instanceof DoorsError && error.status === 404)) throw error;
      return { connections: [], dropped: 0 };
    }
  }

  upstreams(): Promise<UpstreamsAnswer> {
    return this.#ask('GET', '/upstreams', upstreamsAnswer);
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask<T>(
    method: string,
    path: string,
    schema: z.ZodType<T> | null,
    body?: unknown,
    timeoutMs: number = RUNNER_LIMITS.doorsCallMs,
  ): Promise<T> {
    const { status, text } = await this.#exchange(method, path, { body, timeoutMs }, true);
    if (status < 200 || status > 299) {
      throw new DoorsError(`the doors answered ${status} to ${method} ${path}`, status);
    }
    if (schema === null) return undefined as T;
    try {
      return schema.parse(JSON.parse(text));
    } catch (cause) {
      throw new DoorsError(`the doors answered ${method} ${path} strangely`, status, { cause });
    }
  }

  #exchange(
    method: string,
    path: string,
    sent: { body: unknown; timeoutMs: number },
    mayRetry: boolean,
  ): Promise<{ status: number; text: string }> {
    const { body, timeoutMs } = sent;
    const payload = body === undefined ? null : JSON.stringify(body);
    return new Promise((resolve, reject) => {
      const call = request({
        socketPath: this.#access.managementSocket,
        agent: this.#agent,
        method,
        path,
        timeout: timeoutMs,
        headers: {
          authorization: `Bearer ${this.#access.token}`,
          ...(payload === null
            ? {}
            : {
                'content-type': 'application/json',
                'content-length': Buffer.byteLength(payload),
              }),
        },
      });
      call.on('timeout', () => call.destroy(new Error('no answer in time')));
      call.on('error', (cause) => {
        // A kept connection may have been closed by the other side just now: that call never began.
        if (mayRetry && call.reusedSocket) {
          this.#exchange(method, path, sent, false).then(resolve, reject);
          return;
        }
        const message = `the doors do not answer ${method} ${path}: ${cause.message}`;
        reject(new DoorsError(message, null, { cause }));
      });
      call.on('response', (answer) => {
        this.#note(answer.headers[DOORS_START_HEADER]);
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MAX_ANSWER_BYTES) call.destroy(new Error('the answer is too long'));
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
        answer.on('error', (cause) =>
          reject(new DoorsError(`the doors broke off ${method} ${path}`, null, { cause })),
        );
      });
      call.end(payload ?? undefined);
    });
  }

  #note(start: string | string[] | undefined): void {
    if (typeof start !== 'string' || start === this.#start) return;
    const before = this.#start;
    this.#start = start;
    if (before !== null) this.#restarted(start);
  }
}
