import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { AnswerBody } from './answer-body.ts';
import type { KeptClient, KeptClients } from './kept-clients.ts';
import { UpstreamError } from './port.ts';
import type { ProviderAnswer, ProviderRequest } from './provider-connection.ts';
import { notWhenAborted, whenAborted } from './when-aborted.ts';

/** A kept connection was closed before anything of an answer came: the request was never taken. */
export class StaleConnection extends Error {}

/** What a connection says that was closed by the other side. */
const CLOSED = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET']);
/** A header or a path that no request may have: a mistake of ours, not of the provider. */
const NO_REQUEST = 'UND_ERR_INVALID_ARG';

/** One request on one connection, from its first byte to the last of the answer, and that answer. */
export class ProviderCall implements Dispatcher.DispatchHandler, ProviderAnswer {
  status = 0;
  headers: ProviderAnswer['headers'] = {};
  readonly #clients: KeptClients;
  readonly #kept: KeptClient;
  readonly #signal: AbortSignal;
  readonly #head = Promise.withResolvers<ProviderAnswer>();
  #sent = false;
  #reused = false;
  #answering = false;
  #controller: Dispatcher.DispatchController | null = null;
  /** What came with the head, until somebody reads or more may come. */
  #first: Buffer[] = [];
  #over = false;
  #failure: Error | null = null;
  #body: AnswerBody | null = null;

  /** Resolves with the head. Rejects with {@link StaleConnection} or {@link UpstreamError}. */
  static answered(
    clients: KeptClients,
    kept: KeptClient,
    request: ProviderRequest,
    signal: AbortSignal,
  ): Promise<ProviderAnswer> {
    const call = new ProviderCall(clients, kept, signal);
    if (signal.aborted) call.handleEvent();
    else {
      whenAborted(signal, call);
      kept.client.dispatch(request, call);
    }
    return call.#head.promise;
  }

  private constructor(clients: KeptClients, kept: KeptClient, signal: AbortSignal) {
    this.#clients = clients;
    this.#kept = kept;
    this.#signal = signal;
  }

  /** The signal was aborted. */
  handleEvent(): void {
    const reason: Error = this.#signal.reason;
    void this.#kept.client.destroy(reason);
    this.onResponseError(null, reason);
  }

  /** The connection is there, and the request about to be written. */
  onRequestStart(): void {
    this.#sent = true;
    this.#reused = this.#kept.served;
  }

  onResponseStarted(): void {
    this.#answering = true;
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Not the answer yet: 103 Early Hints and its like.
    if (status < 200) return;
    this.#controller = controller;
    this.status = status;
    this.headers = joined(headers);
    this.#head.resolve(this);
  }

  onResponseData(_: unknown, chunk: Buffer): void {
    if (this.#body !== null) this.#body.gather(chunk);
    else if (this.#first.push(chunk) === 1) process.nextTick(goOn, this);
  }

  onResponseEnd(): void {
    this.#over = true;
    notWhenAborted(this.#signal, this);
    this.#clients.release(this.#kept);
    this.#body?.complete();
  }

  onResponseError(_: unknown, error: NodeJS.ErrnoException): void {
    notWhenAborted(this.#signal, this);
    this.#failure = error;
    if (!this.#kept.client.destroyed) void this.#kept.client.destroy(error);
    if (this.#controller === null) this.#head.reject(this.#reasonOf(error));
    else this.#body?.breakOff(error);
  }

  get whole(): Buffer | null {
    if (!this.#over || this.#body !== null) return null;
    const [first, ...others] = this.#first;
    if (first === undefined) return Buffer.alloc(0);
    return others.length === 0 ? first : Buffer.concat(this.#first);
  }

  get body(): Readable {
    if (this.#body !== null) return this.#body;
    if (this.#controller === null) throw new Error('the head has not come');
    const body = new AnswerBody(this.#controller, this.#kept);
    this.#body = body;
    for (const chunk of this.#first) body.gather(chunk);
    if (this.#failure !== null) body.breakOff(this.#failure);
    else if (this.#over) body.complete();
    return body;
  }

  /** What has come with the head is not all of it. */
  goOn(): void {
    if (!this.#over) void this.body;
  }

  #reasonOf(error: NodeJS.ErrnoException): Error {
    const { code = '' } = error;
    if (code === NO_REQUEST) return error;
    if (this.#reused && !this.#answering && CLOSED.has(code)) return new StaleConnection();
    const message = 'The model provider could not be reached.';
    return new UpstreamError(message, { sent: this.#sent, cause: error });
  }
}

function goOn(call: ProviderCall): void {
  call.goOn();
}

/** Headers with one value each. */
function joined(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'object') headers[name] = value.join(', ');
  }
  return headers as Record<string, string>;
}
