import type { Readable } from 'node:stream';
import { AnswerBody } from './answer-body.ts';
import type { ModelReply } from './port.ts';

/** Whoever passes an answer on. It is told of one end, and of nothing after it. */
export interface AnswerSink {
  /** Where the answer comes from; set before anything comes. */
  flow: AnswerFlow;
  /** What came at once. */
  onBytes(bytes: Buffer): void;
  /** It is complete with these, which came at once with its end; often with none. */
  onEnd(rest: Buffer): void;
  /** It broke off. */
  onBroken(): void;
}

/** An answer on its way to its sink. */
export interface AnswerFlow {
  /** Nothing more for now; what has been read may still come. */
  hold(): void;
  goOn(): void;
  /** Nobody wants the rest: the sink hears nothing more. */
  leave(): void;
}

const NOTHING = Buffer.alloc(0);

/** Nothing comes, or nothing more. */
export const NO_FLOW: AnswerFlow = { hold() {}, goOn() {}, leave() {} };

/** Has the body of a reply go to `sink`, which may hear of its first bytes before this returns. */
export function flowTo(reply: ModelReply, sink: AnswerSink): void {
  const { whole = null } = reply;
  if (whole !== null) {
    sink.onEnd(whole);
    return;
  }
  const { body } = reply;
  if (body instanceof AnswerBody) body.flowTo(sink);
  else streamTo(body, sink);
}

function streamTo(body: Readable, sink: AnswerSink): void {
  const onData = (chunk: Buffer) => sink.onBytes(chunk);
  const onEnd = () => sink.onEnd(NOTHING);
  const onError = () => sink.onBroken();
  sink.flow = {
    hold: () => body.pause(),
    goOn: () => body.resume(),
    leave() {
      body.off('data', onData).off('end', onEnd).off('error', onError);
      // What it says from now on nobody hears.
      body.on('error', () => {}).destroy();
    },
  };
  body.on('data', onData).on('end', onEnd).on('error', onError);
  // It broke off before anybody read it: nothing more is heard of it.
  if (body.errored !== null) onError();
}
