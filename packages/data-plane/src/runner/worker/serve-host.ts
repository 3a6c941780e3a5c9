import { Readable } from 'node:stream';
import type { ReadableStream as NodeStream } from 'node:stream/web';
import type { MessagePort } from 'node:worker_threads';
import type { TurnInput } from '@karta/harness';
import type { Machine, MachineHost } from '../machine/machine-port.ts';
import { errorToWire } from './error-wire.ts';
import {
  type BootAnswer,
  type Call,
  type FileAnswer,
  type FromWorker,
  type ToWorker,
  TURN_WINDOW,
} from './protocol.ts';

/** A call for a machine that is up. */
type OpenMachineCall = Exclude<
  Extract<Call, { machine: string }>,
  { method: 'boot' | 'history' | 'dispose' }
>;

/** A turn under way: how many more events may be sent, and how to stop it. */
interface Turn {
  abort: AbortController;
  room: number;
  more: (() => void) | null;
}

/** Serves a machine host to the thread at the other end of `port`. */
export function serveHost(host: MachineHost, port: MessagePort): void {
  const machines = new Map<string, Machine>();
  const turns = new Map<number, Turn>();
  const send = (message: FromWorker, transfer: readonly NodeStream[] = []) =>
    port.postMessage(message, [...transfer]);

  port.on('message', (message: ToWorker) => {
    switch (message.kind) {
      case 'call':
        void answer(message.id, message.call);
        return;
      case 'turn':
        void runTurn(message.id, message.machine, message.input);
        return;
      case 'abort':
        turns.get(message.id)?.abort.abort();
        return;
      case 'taken': {
        const turn = turns.get(message.id);
        if (turn === undefined) return;
        turn.room += message.count;
        turn.more?.();
        return;
      }
      case 'raw':
        machines.get(message.machine)?.showRaw(message.wanted);
    }
  });

  function machineOf(id: string): Machine {
    const machine = machines.get(id);
    if (machine === undefined) throw new Error(`there is no machine ${id}`);
    return machine;
  }

  async function answer(id: number, call: Call): Promise<void> {
    try {
      const value = await perform(call);
      const body = streamIn(value);
      send({ kind: 'answer', id, value }, body === null ? [] : [body]);
    } catch (error) {
      send({ kind: 'failure', id, error: errorToWire(error) });
    }
  }

  async function perform(call: Call): Promise<unknown> {
    switch (call.method) {
      case 'start':
        return host.start();
      case 'describe':
        return host.describe(call.release);
      case 'boot':
        return adopt(call.machine, await host.boot(call.order));
      case 'releaseFiles':
        return host.releaseFiles(call.release, call.prefix);
      case 'releaseFile':
        return fileAnswer(await host.releaseFile(call.release, call.path));
      case 'volumes':
        return host.volumes();
      case 'destroyVolume':
        return host.destroyVolume(call.volumeId);
      case 'stop':
        return host.stop();
      case 'history':
        return Readable.toWeb(Readable.from(machineOf(call.machine).history(call.resumeId)));
      case 'dispose':
        // One that has ended by itself is disposed already.
        return machines.get(call.machine)?.dispose();
      default:
        return performOn(machineOf(call.machine), call);
    }
  }

  async function performOn(machine: Machine, call: OpenMachineCall): Promise<unknown> {
    switch (call.method) {
      case 'open':
        await machine.open(call.order);
        return machine.resumeId;
      case 'answer':
        return machine.answer(call.requestId, call.answer);
      case 'listFiles':
        return machine.listFiles(call.prefix);
      case 'readFile':
        return fileAnswer(await machine.readFile(call.path));
      case 'writeFile': {
        const body = Readable.fromWeb(call.body as NodeStream<Uint8Array>);
        return machine.writeFile(call.path, body, call.maxBytes);
      }
      case 'removeFile':
        return machine.removeFile(call.path);
    }
  }

  function adopt(id: string, machine: Machine): BootAnswer {
    machines.set(id, machine);
    void machine.ended.then((end) => {
      send({ kind: 'ended', machine: id, end });
      void machine.dispose().finally(() => machines.delete(id));
    });
    return { isolation: machine.isolation };
  }

  async function runTurn(id: number, machineId: string, input: TurnInput): Promise<void> {
    const turn: Turn = { abort: new AbortController(), room: TURN_WINDOW, more: null };
    turns.set(id, turn);
    try {
      const machine = machineOf(machineId);
      let told = machine.resumeId;
      for await (const events of machine.turn(input, turn.abort.signal)) {
        const { resumeId } = machine;
        const news = resumeId === told ? null : { machine: machineId, resumeId };
        told = resumeId;
        send({ kind: 'events', id, events, news });
        turn.room -= events.length;
        if (turn.room <= 0) await room(turn);
      }
    } finally {
      turns.delete(id);
      send({ kind: 'over', id });
    }
  }
}

function room(turn: Turn): Promise<void> {
  return new Promise((resolve) => {
    turn.more = () => {
      if (turn.room <= 0) return;
      turn.more = null;
      resolve();
    };
  });
}

function fileAnswer({ size, body }: { size: number; body: Readable }): FileAnswer {
  return { size, body: Readable.toWeb(body) as ReadableStream<Uint8Array> };
}

function streamIn(value: unknown): NodeStream | null {
  if (value instanceof ReadableStream) return value as NodeStream;
  if (typeof value !== 'object' || value === null || !('body' in value)) return null;
  return value.body instanceof ReadableStream ? (value.body as NodeStream) : null;
}
