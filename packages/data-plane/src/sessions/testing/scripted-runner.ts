import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { AskAnswer, StoredMessage, TurnInput } from '@karta/harness';
import { HarnessError } from '@karta/harness';
import { KartaError, NO_USAGE, type StopReason, usageOf } from '@karta/protocol';
import { eachAlone } from '../../../../harness/src/testing/event-batches.ts';
import type {
  BookedTurn,
  LiveHarness,
  Runner,
  RunnerEvent,
  RunnerSession,
} from '../../runner/port.ts';

/** What every scripted turn costs, in picodollars. */
export const SCRIPTED_COST = 1_500_000_000n;

/** One step of a turn; a turn's text is a JSON array of them, or plain text that is echoed. */
export interface Step {
  text?: string;
  reasoning?: string;
  /** Waits until the test opens the gate of this name, or the turn is stopped. */
  gate?: string;
  ask?: { tool: string; input?: unknown; rule?: string | null; kind?: 'permission' | 'question' };
  /** Asks without waiting: the next `join` waits for all. */
  asks?: { tool: string; input?: unknown; rule?: string | null; kind?: 'permission' }[];
  join?: boolean;
  /** Says that the ask of this tool is over though nobody answered. */
  drop?: { tool: string; decision: 'approve_once' | 'deny' };
  error?: { code: 'provider_auth'; message: string };
  /** Ends by throwing, which a harness must not do. */
  throws?: string;
  /** Ends without an `end`. */
  vanishes?: boolean;
  /** Never ends, whatever is asked of it, until its process is ended. */
  stuck?: boolean;
  /** This many deltas. */
  deltas?: number;
  raw?: unknown;
}

interface StoredTurn {
  resumeId: string;
  messages: StoredMessage[];
}

/**
 * A runner in memory, for tests that need each interleaving on command. Its volumes outlive it: a
 * second one made with the same `volumes` is the machine after a restart.
 */
export class ScriptedRunner implements Runner {
  readonly isolation = 'none';
  readonly volumes: Map<string, StoredTurn>;
  readonly files = new Map<string, string>();
  readonly answers: { requestId: string; answer: AskAnswer }[] = [];
  readonly inputs: { turnId: string; input: TurnInput; turn: BookedTurn }[] = [];
  readonly attached: RunnerSession[] = [];
  readonly rawWanted: boolean[] = [];
  readonly destroyed: string[] = [];
  agents = ['default', 'reviewer'];
  thinking = true;
  /** Set to make the next attaches wait or fail. */
  beforeAttach: (session: RunnerSession) => Promise<void> = async () => {};
  readonly #live = new Map<string, { ended: AbortController }>();
  readonly #gates = new Map<string, PromiseWithResolvers<void>>();
  readonly #ended: Parameters<Runner['onEnded']>[0][] = [];
  #asks = 0;

  connections: Runner['connections'] = async () => ({ connections: [], dropped: 0 });

  doorsRestarted(): void {}

  counts(): { live: number; parked: number } {
    return { live: this.#live.size, parked: 0 };
  }

  constructor(volumes = new Map<string, StoredTurn>()) {
    this.volumes = volumes;
  }

  gate(name: string): PromiseWithResolvers<void> {
    const gate = this.#gates.get(name) ?? Promise.withResolvers<void>();
    this.#gates.set(name, gate);
    return gate;
  }

  open(name: string): void {
    this.gate(name).resolve();
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
  keepWarm(): void {}

  async describe() {
    return {
      agents: this.agents.map((name) => ({ name, description: null, file: null })),
      skills: [],
      capabilities: {
        families: [],
        thinking: this.thinking,
        agentPerTurn: true,
        questions: true,
        images: false,
      },
    };
  }

  async attach(session: RunnerSession, notice: (kind: 'warming') => void): Promise<LiveHarness> {
    this.attached.push(session);
    const fresh = !this.#live.has(session.sessionId);
    if (fresh) notice('warming');
    await this.beforeAttach(session);
    const volumeId = session.volumeId ?? `vol_${session.sessionId}`;
    const resumeId = session.resumeId ?? `conversation of ${session.sessionId}`;
    if (!this.volumes.has(volumeId)) this.volumes.set(volumeId, { resumeId, messages: [] });
    const live = this.#live.get(session.sessionId) ?? { ended: new AbortController() };
    this.#live.set(session.sessionId, live);
    return {
      isolation: 'none',
      volumeId,
      resumeId: session.resumeId,
      turn: (turn, input, signal) =>
        eachAlone(this.#turn(volumeId, turn, input, signal, live.ended)),
      showRaw: (wanted) => void this.rawWanted.push(wanted),
      answer: async (requestId, answer) => {
        this.answers.push({ requestId, answer });
        const gate = this.#gates.get(requestId);
        if (gate === undefined) throw new HarnessError('unknown_ask', 'nothing waits');
        gate.resolve();
      },
    };
  }

  async *history(session: RunnerSession): AsyncIterable<StoredMessage> {
    yield* this.volumes.get(session.volumeId ?? '')?.messages ?? [];
  }

  async listFiles(_session: RunnerSession, prefix: string) {
    const files = [...this.files].filter(([path]) => path.startsWith(prefix));
    return {
      files: files.map(([path, text]) => ({
        path,
        size: text.length,
        modified_at: '2026-01-01T00:00:00+00:00',
        kind: 'file' as const,
      })),
      truncated: false,
    };
  }

  async readFile(_session: RunnerSession, path: string) {
    const text = this.files.get(path);
    if (text === undefined) throw new KartaError('not_found', 'There is no such file.');
    return { size: text.length, body: Readable.from([text]) };
  }

  async writeFile(session: RunnerSession, path: string, body: Readable) {
    const text = (await buffer(body)).toString('utf8');
    this.files.set(path, text);
    return { size: text.length, volumeId: session.volumeId ?? `vol_${session.sessionId}` };
  }

  async removeFile(session: RunnerSession, path: string) {
    this.files.delete(path);
    return { volumeId: session.volumeId ?? `vol_${session.sessionId}` };
  }

  async hibernate(sessionId: string): Promise<void> {
    this.endHarness(sessionId, 'hibernated');
  }

  endHarness(sessionId: string, cause: 'hibernated' | 'exited' | 'violation'): void {
    this.#live.get(sessionId)?.ended.abort();
    this.#live.delete(sessionId);
    for (const listener of this.#ended) listener(sessionId, cause, 'ended by the test');
  }

  async destroy(session: RunnerSession): Promise<void> {
    this.#live.delete(session.sessionId);
    if (session.volumeId !== null) {
      this.volumes.delete(session.volumeId);
      this.destroyed.push(session.volumeId);
    }
  }

  async sweepVolumes(known: (volumeId: string) => Promise<boolean>): Promise<void> {
    for (const volumeId of [...this.volumes.keys()]) {
      if (await known(volumeId)) continue;
      this.volumes.delete(volumeId);
      this.destroyed.push(volumeId);
    }
  }

  isLive(sessionId: string): boolean {
    return this.#live.has(sessionId);
  }

  onEnded(listener: Parameters<Runner['onEnded']>[0]): void {
    this.#ended.push(listener);
  }

  async *#turn(
    volumeId: string,
    turn: BookedTurn,
    input: TurnInput,
    signal: AbortSignal,
    ended: AbortController,
  ): AsyncGenerator<RunnerEvent> {
    const { id: turnId } = turn;
    this.inputs.push({ turnId, input, turn });
    const volume = this.volumes.get(volumeId);
    if (volume === undefined) throw new Error('no volume');
    volume.messages.push(said('user', turnId, input.text));
    let answer = '';
    const stopped = abortOf(signal, ended.signal);
    const end = (stopReason: StopReason): RunnerEvent => {
      volume.messages.push(said('assistant', turnId, answer));
      const usage = usageOf({ ...NO_USAGE, input_tokens: 3, output_tokens: answer.length });
      return {
        type: 'end',
        stopReason,
        usage: {
          turn_id: turnId,
          usage,
          calls: 1,
          estimated_calls: 0,
          cost: SCRIPTED_COST.toString(),
          fallbacks: [],
          refusal: null,
        },
        resumeId: volume.resumeId,
      };
    };
    const open: { id: string; tool: string }[] = [];
    for (const step of stepsOf(input.text)) {
      if (signal.aborted) return yield end('cancelled');
      if (step.text !== undefined) {
        answer += step.text;
        yield { type: 'text', text: step.text, ...(step.raw ? { raw: step.raw } : {}) };
      }
      for (let n = 0; n < (step.deltas ?? 0); n += 1) yield { type: 'text', text: `word ${n} ` };
      if (step.reasoning !== undefined) yield { type: 'reasoning', text: step.reasoning };
      if (step.error !== undefined) {
        yield { type: 'error', ...step.error, retryable: false };
        return yield end('error');
      }
      if (step.throws !== undefined) throw new Error(step.throws);
      if (step.vanishes) return;
      if (step.gate !== undefined) await Promise.race([this.gate(step.gate).promise, stopped]);
      for (const ask of [...(step.asks ?? []), ...(step.ask ? [step.ask] : [])]) {
        this.#asks += 1;
        const id = `ask-${this.#asks}`;
        open.push({ id, tool: ask.tool });
        this.gate(id);
        yield {
          type: 'ask',
          requestId: id,
          kind: ask.kind ?? 'permission',
          tool: ask.tool,
          message: `May I use ${ask.tool}?`,
          input: ask.input ?? {},
          rule: ask.rule ?? null,
          options: [],
        };
      }
      if (step.drop !== undefined) {
        const { tool, decision } = step.drop;
        const dropped = open.find((ask) => ask.tool === tool);
        if (dropped === undefined) throw new Error(`nothing open for ${tool}`);
        open.splice(open.indexOf(dropped), 1);
        yield { type: 'ask_resolved', requestId: dropped.id, decision, by: 'harness' };
      }
      if (step.ask !== undefined || step.join) {
        for (const { id } of open.splice(0)) {
          await Promise.race([this.gate(id).promise, stopped]);
          const answered = this.answers.find((known) => known.requestId === id)?.answer;
          if (answered === undefined) continue;
          const { decision } = answered;
          yield { type: 'ask_resolved', requestId: id, decision, by: 'platform' };
        }
      }
      if (step.stuck) await abortOf(ended.signal);
    }
    if (signal.aborted) return yield end('cancelled');
    yield end('end_turn');
  }
}

function stepsOf(text: string): Step[] {
  const script = text.replace(/^\[[^{\]]*\] (?=\[)/, '');
  return script.startsWith('[{') ? JSON.parse(script) : [{ text: `echo: ${text}` }];
}

function said(role: 'user' | 'assistant', turnId: string, text: string): StoredMessage {
  return { id: `${role}-${turnId}`, role, createdAt: null, parts: [{ type: 'text', text }] };
}

function abortOf(...signals: AbortSignal[]): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of signals) {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    }
  });
}
