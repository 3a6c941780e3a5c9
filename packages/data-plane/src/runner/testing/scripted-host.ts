import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import type { HarnessEvent, StoredMessage, TurnInput } from '@karta/harness';
import { HarnessError } from '@karta/harness';
import { KartaError } from '@karta/protocol';
import { ReaderError } from '@karta/sandbox';
import { eachAlone } from '../../../../harness/src/testing/event-batches.ts';
import type { Machine, MachineEnd, MachineHost } from '../machine/machine-port.ts';

/** A host without sandboxes whose machines do what a test says: for what passes between threads. */
export interface ScriptedHost extends MachineHost {
  /** Events of the next turns, each told alone. */
  turn: (input: TurnInput, signal: AbortSignal) => AsyncIterable<HarnessEvent>;
  resumeId: string | null;
  end(end: MachineEnd): void;
  did: string[];
}

export function scriptedHost(): ScriptedHost {
  const ends: ((end: MachineEnd) => void)[] = [];
  const did: string[] = [];
  const files = new Map<string, string>();
  const host: ScriptedHost = {
    did,
    resumeId: null,
    end: (end) => {
      for (const tell of ends) tell(end);
    },
    async *turn() {
      yield { type: 'end', stopReason: 'end_turn' };
    },
    start: async () => ({ isolation: 'namespace', notes: ['scripted'] }),
    describe: async () => {
      throw new KartaError('harness_missing', 'not here');
    },
    boot: async () => machine(),
    releaseFiles: async () => ({ files: [], truncated: false }),
    releaseFile: async () => ({ size: 3, body: Readable.from([Buffer.from('abc')]) }),
    volumes: async () => ['vol_1'],
    destroyVolume: async (volumeId) => void did.push(`destroy ${volumeId}`),
    stop: async () => void did.push('stop'),
    close: async () => undefined,
  };
  return host;

  function machine(): Machine {
    const { promise, resolve } = Promise.withResolvers<MachineEnd>();
    ends.push(resolve);
    return {
      isolation: 'namespace',
      get resumeId() {
        return host.resumeId;
      },
      ended: promise,
      open: async ({ resumeId }) => {
        host.resumeId = resumeId;
      },
      turn: (input, signal) => eachAlone(host.turn(input, signal)),
      showRaw: (wanted) => void did.push(`raw ${wanted}`),
      answer: async () => {
        throw new HarnessError('unknown_ask', 'nothing waits');
      },
      async *history(resumeId): AsyncGenerator<StoredMessage> {
        for (const id of ['1', '2', '3']) {
          yield {
            id,
            role: 'user',
            createdAt: new Date(0),
            parts: [{ type: 'text', text: resumeId }],
          };
        }
      },
      listFiles: async () => ({ files: [], truncated: false }),
      async readFile(path) {
        const content = files.get(path);
        if (content === undefined) throw new ReaderError('not_found', path);
        return { size: content.length, body: Readable.from([Buffer.from(content)]) };
      },
      async writeFile(path, body) {
        files.set(path, await textOf(body));
        return { size: files.get(path)?.length ?? 0 };
      },
      removeFile: async (path) => void files.delete(path),
      async dispose() {
        did.push('dispose');
        resolve({ cause: 'disposed', message: '' });
      },
    };
  }
}
