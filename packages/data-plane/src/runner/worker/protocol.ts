import type { AskAnswer, HarnessEvent, TurnInput } from '@karta/harness';
import type { Isolation } from '@karta/protocol';
import type { Release } from '../../control/port.ts';
import type { BootOrder, MachineEnd, OpenOrder } from '../machine/machine-port.ts';
import type { ErrorWire } from './error-wire.ts';

/**
 * What passes between the data plane's thread and a worker that holds machines. Calls are answered
 * once, by their number; events of turns come in batches; bodies are transferred streams.
 */
export type Call =
  | { method: 'start' }
  | { method: 'describe'; release: Release }
  | { method: 'boot'; machine: string; order: BootOrder }
  | { method: 'releaseFiles'; release: Release; prefix: string }
  | { method: 'releaseFile'; release: Release; path: string }
  | { method: 'volumes' }
  | { method: 'destroyVolume'; volumeId: string }
  | { method: 'stop' }
  | { method: 'open'; machine: string; order: OpenOrder }
  | { method: 'answer'; machine: string; requestId: string; answer: AskAnswer }
  | { method: 'history'; machine: string; resumeId: string }
  | { method: 'listFiles'; machine: string; prefix: string }
  | { method: 'readFile'; machine: string; path: string }
  | {
      method: 'writeFile';
      machine: string;
      path: string;
      body: ReadableStream<Uint8Array>;
      maxBytes: number;
    }
  | { method: 'removeFile'; machine: string; path: string }
  | { method: 'dispose'; machine: string };

export type ToWorker =
  | { kind: 'call'; id: number; call: Call }
  | { kind: 'turn'; id: number; machine: string; input: TurnInput }
  | { kind: 'abort'; id: number }
  /** So many events of the turn were taken; the worker may send as many more. */
  | { kind: 'taken'; id: number; count: number }
  /** Whether events of the machine carry the harness's own. */
  | { kind: 'raw'; machine: string; wanted: boolean };

/** What the other side must know of a machine before the events beside it are looked at. */
export interface ResumeNews {
  machine: string;
  resumeId: string | null;
}

export type FromWorker =
  | { kind: 'answer'; id: number; value: unknown }
  | { kind: 'failure'; id: number; error: ErrorWire }
  | { kind: 'events'; id: number; events: readonly HarnessEvent[]; news: ResumeNews | null }
  /** The turn's iterator has finished; nothing of it follows. */
  | { kind: 'over'; id: number }
  | { kind: 'ended'; machine: string; end: MachineEnd }
  /** An error that belongs to nothing under way. */
  | { kind: 'stray'; error: string };

/** The answer to `boot`. */
export interface BootAnswer {
  isolation: Isolation;
}

/** The answer to `readFile` and `releaseFile`. */
export interface FileAnswer {
  size: number;
  body: ReadableStream<Uint8Array>;
}

/** Events of one turn that may be on their way; a worker with more waits until some are taken. */
export const TURN_WINDOW = 2_000;
/** How many are taken before the worker is told. */
export const TAKEN_STEP = 500;
