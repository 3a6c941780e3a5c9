import { Readable } from 'node:stream';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import type { AskAnswer, HarnessEvent, StoredMessage, TurnInput } from '@karta/harness';
import type { Isolation } from '@karta/protocol';
import type { FileList } from '@karta/sandbox';
import type { Machine, MachineEnd, OpenOrder } from '../machine/machine-port.ts';
import type { EventInlet } from './event-inlet.ts';
import type { Call, FileAnswer, ToWorker } from './protocol.ts';

/** What a remote machine needs of the host it is on. */
export interface RemoteLink {
  call<T>(call: Call, transfer?: readonly NodeStream[]): Promise<T>;
  post(message: ToWorker): void;
  openTurn(machine: string, input: TurnInput): { id: number; inlet: EventInlet };
}

/** A machine in another thread. */
export class RemoteMachine implements Machine {
  isolation: Isolation = 'none';
  resumeId: string | null = null;
  readonly ended: Promise<MachineEnd>;
  tellEnd: (end: MachineEnd) => void = () => undefined;
  readonly #host: RemoteLink;
  readonly #id: string;
  #lost = false;
  #rawWanted = false;

  constructor(host: RemoteLink, id: string) {
    this.#host = host;
    this.#id = id;
    this.ended = new Promise((resolve) => {
      this.tellEnd = resolve;
    });
  }

  fail(message: string): void {
    this.#lost = true;
    this.tellEnd({ cause: 'exited', message });
  }

  async open(order: OpenOrder): Promise<void> {
    this.resumeId = await this.#host.call({ method: 'open', machine: this.#id, order });
  }

  async *turn(
    input: TurnInput,
    signal: AbortSignal,
  ): AsyncGenerator<readonly HarnessEvent[], void> {
    const { id, inlet } = this.#host.openTurn(this.#id, input);
    const abort = () => this.#host.post({ kind: 'abort', id });
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    let over = false;
    try {
      for await (const events of inlet.read()) {
        over = events.at(-1)?.type === 'end';
        yield events;
      }
      if (over) return;
      over = true;
      yield [
        { type: 'error', code: 'harness_exited', message: LOST, retryable: true },
        { type: 'end', stopReason: 'error' },
      ];
    } finally {
      signal.removeEventListener('abort', abort);
      // The reader has gone before the end: the harness need not go on for nobody.
      if (!over) {
        abort();
        this.#host.post({ kind: 'taken', id, count: Number.MAX_SAFE_INTEGER });
      }
    }
  }

  showRaw(wanted: boolean): void {
    if (wanted === this.#rawWanted) return;
    this.#rawWanted = wanted;
    this.#host.post({ kind: 'raw', machine: this.#id, wanted });
  }

  answer(requestId: string, answer: AskAnswer): Promise<void> {
    return this.#host.call({ method: 'answer', machine: this.#id, requestId, answer });
  }

  async *history(resumeId: string): AsyncGenerator<StoredMessage, void> {
    const call: Call = { method: 'history', machine: this.#id, resumeId };
    const stream = await this.#host.call<NodeStream<StoredMessage>>(call);
    try {
      for await (const message of stream) yield message;
    } catch (error) {
      throw error instanceof Error ? error : new Error(String(error));
    }
  }

  listFiles(prefix: string): Promise<FileList> {
    return this.#host.call({ method: 'listFiles', machine: this.#id, prefix });
  }

  async readFile(path: string): Promise<{ size: number; body: Readable }> {
    return readable(await this.#host.call({ method: 'readFile', machine: this.#id, path }));
  }

  writeFile(path: string, content: Readable, maxBytes: number): Promise<{ size: number }> {
    const body = Readable.toWeb(content) as NodeStream<Uint8Array>;
    const call: Call = {
      method: 'writeFile',
      machine: this.#id,
      path,
      body: body as ReadableStream<Uint8Array>,
      maxBytes,
    };
    return this.#host.call(call, [body]);
  }

  removeFile(path: string): Promise<void> {
    return this.#host.call({ method: 'removeFile', machine: this.#id, path });
  }

  async dispose(): Promise<void> {
    if (this.#lost) return;
    await this.#host.call({ method: 'dispose', machine: this.#id });
  }
}

const LOST = 'The harness ended unexpectedly. The session can go on.';

/** A file that another thread reads. */
export function readable({ size, body }: FileAnswer): { size: number; body: Readable } {
  return { size, body: Readable.fromWeb(body as NodeStream<Uint8Array>) };
}
