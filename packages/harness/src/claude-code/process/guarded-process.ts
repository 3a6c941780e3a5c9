import { EventEmitter, once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { SandboxProcess } from '@karta/sandbox';
import {
  cleanHostileText,
  GuardError,
  type HostileJson,
  readJsonLines,
} from '../../guard/index.ts';
import type { SpawnedProcess } from '../sdk-port.ts';
import { type AnyFrame, anyFrame } from '../turn/frames.ts';
import { controlFrame } from './control-frame.ts';

/** The conversation about the conversation: what the SDK itself must read. All else is data. */
const CONTROL = new Set(['control_request', 'control_response', 'control_cancel_request']);
/** Bytes of answers that the process has not read; an honest one reads at once. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024;
/** Last words of standard error, for the message when a start fails. */
const STDERR_CHARS = 2000;

/** Takes a frame of so many characters. */
export type OnFrame = (frame: AnyFrame, bytes: number) => undefined | Promise<void>;

export interface ProcessEnd {
  code: number | null;
  /** Why the platform ended it, when it did so for what it sent. */
  broken: GuardError | null;
  /** The end of its standard error, cleaned. */
  stderr: string;
}

/**
 * Stands between a process in a sandbox and the SDK, which trusts its peer: the SDK reads control
 * frames alone, each parsed and bounded; all others go to `onFrame`. When that returns a promise,
 * nothing more is read until it resolves. A process that breaks a bound is killed.
 */
export class GuardedProcess extends EventEmitter implements SpawnedProcess {
  readonly stdin: SandboxProcess['stdin'];
  readonly stdout = new PassThrough();
  readonly ended: Promise<ProcessEnd>;
  readonly #process: SandboxProcess;
  killed = false;
  exitCode: number | null = null;

  constructor(process: SandboxProcess, onFrame: OnFrame) {
    super();
    this.#process = process;
    this.stdin = process.stdin;
    // A write to a process that has just ended fails; its end is told by `ended`.
    this.stdin.on('error', () => {});
    this.ended = this.#run(onFrame);
  }

  kill(signal: NodeJS.Signals = 'SIGTERM'): boolean {
    if (this.exitCode !== null) return false;
    this.killed = true;
    this.#process.kill(signal === 'SIGTERM' || signal === 'SIGINT' ? signal : 'SIGKILL');
    return true;
  }

  async #run(onFrame: OnFrame): Promise<ProcessEnd> {
    const stderr = this.#readStderr();
    const broken = await this.#readFrames(onFrame);
    if (broken !== null) this.#process.kill('SIGKILL');
    const { code, signal } = await this.#process.exited;
    // The SDK takes null as still running; a process ended by a signal has ended.
    this.exitCode = code ?? 128;
    this.stdout.end();
    this.emit('exit', code, signal);
    return { code, broken, stderr: await stderr };
  }

  async #readFrames(onFrame: OnFrame): Promise<GuardError | null> {
    try {
      for await (const batch of readJsonLines(this.#process.stdout)) {
        for (const frame of batch) {
          // Awaited only when there is something to wait for: a flood has many frames at once.
          const taken = this.#take(frame, onFrame);
          if (taken !== undefined) await taken;
        }
      }
      return null;
    } catch (error) {
      if (error instanceof GuardError) return error;
      return this.exitCode === null ? new GuardError('protocol', 'the stream broke off') : null;
    }
  }

  #take({ value, text }: HostileJson, onFrame: OnFrame): undefined | Promise<void> {
    const parsed = anyFrame.safeParse(value);
    if (!parsed.success) throw new GuardError('protocol', 'a frame without a type');
    if (!CONTROL.has(parsed.data.type)) return onFrame(parsed.data, text.length);
    if (controlFrame.safeParse(value).success) return this.#toSdk(text);
    throw new GuardError('protocol', 'a control frame that is none');
  }

  async #toSdk(text: string): Promise<void> {
    if (this.stdin.writableLength > MAX_UNREAD_BYTES) {
      throw new GuardError('not_reading', 'the process does not read its answers');
    }
    if (!this.stdout.write(`${text}\n`)) await once(this.stdout, 'drain');
  }

  async #readStderr(): Promise<string> {
    let tail = '';
    try {
      for await (const chunk of this.#process.stderr) {
        tail = (tail + String(chunk)).slice(-STDERR_CHARS);
      }
    } catch {
      // Its end is told by `exited`; what was read until then is what there is.
    }
    return cleanHostileText(tail).trim();
  }
}
