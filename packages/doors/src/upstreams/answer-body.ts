import { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { AnswerFlow, AnswerSink } from './answer-flow.ts';
import type { KeptClient } from './kept-clients.ts';

/** What is kept before anybody has asked for it; then the provider waits. In bytes. */
const AHEAD_BYTES = 64 * 1024;

const NOTHING = Buffer.alloc(0);

/**
 * What follows the head of a provider's answer. A reader that is slow slows the provider. It is a
 * stream for whoever reads it as one; a sink gets the bytes without that detour.
 */
export class AnswerBody extends Readable implements AnswerFlow {
  readonly #controller: Dispatcher.DispatchController;
  readonly #kept: KeptClient;
  /** What one read of the connection has brought; more where nobody has asked yet. */
  #taken: Buffer[] = [];
  #takenBytes = 0;
  #due = false;
  #asked = false;
  #sink: AnswerSink | null = null;
  #over = false;

  constructor(controller: Dispatcher.DispatchController, kept: KeptClient) {
    super({ autoDestroy: false, highWaterMark: AHEAD_BYTES });
    this.#controller = controller;
    this.#kept = kept;
    // It may break off while nobody reads it: whoever does later finds it `errored`.
    this.on('error', ignored);
  }

  /** Chunks that came together go on together: to write each by itself costs as much as the call. */
  gather(chunk: Buffer): void {
    this.#taken.push(chunk);
    this.#takenBytes += chunk.length;
    if (this.#due) return;
    this.#due = true;
    process.nextTick(passOn, this);
  }

  passOn(): void {
    this.#due = false;
    if (this.#takenBytes === 0) return;
    if (this.#sink !== null) this.#sink.onBytes(this.#take());
    else if (this.#asked) this.#push();
    else if (this.#takenBytes > AHEAD_BYTES && !this.#over) this.#controller.pause();
  }

  complete(): void {
    this.#over = true;
    if (this.#sink !== null) this.#sink.onEnd(this.#take());
    else if (this.#asked) this.#pushEnd();
  }

  breakOff(error: Error): void {
    this.#over = true;
    if (this.#sink !== null) {
      this.passOn();
      this.#sink?.onBroken();
    } else {
      this.#push();
      this.destroy(error);
    }
  }

  /** From now on all goes to `sink`, and nobody may read this as a stream. */
  flowTo(sink: AnswerSink): void {
    sink.flow = this;
    if (this.errored !== null) {
      for (let piece = this.read(); piece !== null; piece = this.read()) sink.onBytes(piece);
      sink.onBroken();
      return;
    }
    this.#sink = sink;
    if (this.#over) sink.onEnd(this.#take());
    else {
      this.#controller.resume();
      this.passOn();
    }
  }

  hold(): void {
    if (!this.#over) this.#controller.pause();
  }

  goOn(): void {
    this.#controller.resume();
  }

  leave(): void {
    this.#sink = null;
    this.#take();
    this.destroy();
  }

  override _read(): void {
    this.#asked = true;
    this.#controller.resume();
    if (this.#over) this.#pushEnd();
    else this.passOn();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.#over) {
      this.#over = true;
      void this.#kept.client.destroy(error ?? new Error('the answer is not read any more'));
    }
    done(error);
  }

  #take(): Buffer {
    const taken = this.#taken;
    const [first] = taken;
    if (first === undefined) return NOTHING;
    this.#taken = [];
    this.#takenBytes = 0;
    return taken.length === 1 ? first : Buffer.concat(taken);
  }

  #push(): void {
    const taken = this.#take();
    if (taken.length === 0) return;
    const goesOn = this.push(taken);
    if (!goesOn && !this.#over) this.#controller.pause();
  }

  #pushEnd(): void {
    this.#push();
    this.push(null);
  }
}

function passOn(body: AnswerBody): void {
  body.passOn();
}

function ignored(): void {}
