import type { ReadableStream as NodeStream } from 'node:stream/web';
import type { MessagePort, Worker } from 'node:worker_threads';
import type { TurnInput } from '@karta/harness';
import type { FileList } from '@karta/sandbox';
import type { HostSupport, Machine, MachineHost, ReleaseFacts } from '../machine/machine-port.ts';
import { errorFromWire } from './error-wire.ts';
import { EventInlet } from './event-inlet.ts';
import {
  type BootAnswer,
  type Call,
  type FileAnswer,
  type FromWorker,
  TAKEN_STEP,
  type ToWorker,
} from './protocol.ts';
import { type RemoteLink, RemoteMachine, readable } from './remote-machine.ts';

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** A machine host in another thread, at the other end of `port`. */
export class RemoteHost implements MachineHost, RemoteLink {
  readonly #port: MessagePort | Worker;
  readonly #stray: (error: string) => void;
  readonly #calls = new Map<number, Waiting>();
  readonly #turns = new Map<number, EventInlet>();
  readonly #machines = new Map<string, RemoteMachine>();
  #last = 0;
  #lost: Error | null = null;

  /** `stray` is told of errors that belong to nothing under way. */
  constructor(port: MessagePort | Worker, stray: (error: string) => void) {
    this.#port = port;
    this.#stray = stray;
    port.on('message', (message: FromWorker) => this.#receive(message));
  }

  /** The other thread has died: everything under way fails, every machine has ended. */
  fail(error: Error): void {
    this.#lost = error;
    for (const waiting of this.#calls.values()) waiting.reject(error);
    for (const inlet of this.#turns.values()) inlet.finish();
    for (const machine of this.#machines.values()) machine.fail(error.message);
    this.#calls.clear();
    this.#turns.clear();
    this.#machines.clear();
  }

  /** Machines that are up here. */
  get load(): number {
    return this.#machines.size;
  }

  async call<T>(call: Call, transfer: readonly NodeStream[] = []): Promise<T> {
    if (this.#lost !== null) throw this.#lost;
    this.#last += 1;
    const id = this.#last;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#calls.set(id, { resolve, reject });
    this.post({ kind: 'call', id, call }, transfer);
    // The other side is our own code: it answers each method with what the port says.
    return (await promise) as T;
  }

  post(message: ToWorker, transfer: readonly NodeStream[] = []): void {
    this.#port.postMessage(message, [...transfer]);
  }

  openTurn(machine: string, input: TurnInput): { id: number; inlet: EventInlet } {
    this.#last += 1;
    const id = this.#last;
    const inlet = new EventInlet(TAKEN_STEP, (count) => this.post({ kind: 'taken', id, count }));
    if (this.#lost === null) {
      this.#turns.set(id, inlet);
      this.post({ kind: 'turn', id, machine, input });
    } else {
      inlet.finish();
    }
    return { id, inlet };
  }

  start = (): Promise<HostSupport> => this.call({ method: 'start' });
  describe: MachineHost['describe'] = (release): Promise<ReleaseFacts> =>
    this.call({ method: 'describe', release });
  releaseFiles: MachineHost['releaseFiles'] = (release, prefix): Promise<FileList> =>
    this.call({ method: 'releaseFiles', release, prefix });
  volumes = (): Promise<string[]> => this.call({ method: 'volumes' });
  destroyVolume = (volumeId: string): Promise<void> =>
    this.call({ method: 'destroyVolume', volumeId });
  stop = async (): Promise<void> => {
    if (this.#lost === null) await this.call({ method: 'stop' });
  };
  /** The thread is ended by who has started it. */
  close = async (): Promise<void> => undefined;

  releaseFile: MachineHost['releaseFile'] = async (release, path) =>
    readable(await this.call<FileAnswer>({ method: 'releaseFile', release, path }));

  boot: MachineHost['boot'] = async (order): Promise<Machine> => {
    const machine = new RemoteMachine(this, order.sandboxId);
    this.#machines.set(order.sandboxId, machine);
    try {
      const { isolation } = await this.call<BootAnswer>({
        method: 'boot',
        machine: order.sandboxId,
        order,
      });
      machine.isolation = isolation;
      return machine;
    } catch (error) {
      this.#machines.delete(order.sandboxId);
      throw error;
    }
  };

  #receive(message: FromWorker): void {
    switch (message.kind) {
      case 'answer':
        this.#calls.get(message.id)?.resolve(message.value);
        this.#calls.delete(message.id);
        return;
      case 'failure':
        this.#calls.get(message.id)?.reject(errorFromWire(message.error));
        this.#calls.delete(message.id);
        return;
      case 'events':
        if (message.news !== null) {
          const known = this.#machines.get(message.news.machine);
          if (known !== undefined) known.resumeId = message.news.resumeId;
        }
        this.#turns.get(message.id)?.push(message.events);
        return;
      case 'over':
        this.#turns.get(message.id)?.finish();
        this.#turns.delete(message.id);
        return;
      case 'ended':
        this.#machines.get(message.machine)?.tellEnd(message.end);
        this.#machines.delete(message.machine);
        return;
      case 'stray':
        this.#stray(message.error);
    }
  }
}
