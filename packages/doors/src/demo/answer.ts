import { createHash } from 'node:crypto';
import type { ModelCall } from '../upstreams/port.ts';
import { refuse, type WholeAnswer } from '../wire/errors.ts';
import { decide, type ScriptedRefusal } from './decide.ts';
import { modelList, oneModel } from './models.ts';
import { withinLimit } from './output-limit.ts';
import { BadPrompt, inputTokens, type Prompt } from './prompt.ts';
import { AT_ONCE, type Pace, type Reply, say } from './reply.ts';
import type { Attempts } from './script/attempts.ts';
import type { Frame } from './wires/frame.ts';
import { WIRES, type Wire } from './wires/index.ts';

/** What the demo model does with a call. */
export type DemoAnswer =
  | { kind: 'whole'; answer: WholeAnswer; pace: Pace }
  | { kind: 'stream'; frames: Iterable<Frame>; pace: Pace };

/** Hex digits of the ids in an answer. */
const ID_DIGITS = 24;
/** The whole answer on a parked channel. */
const PARKED_TEXT = 'Ready.';

/** Answers a call. The same call gets the same answer, but for refusals that end after some tries. */
export function demoAnswer(call: ModelCall, attempts: Attempts): DemoAnswer {
  return answerBy(call, (prompt) => decide(prompt, call.channelId, attempts));
}

/** What a parked channel hears: true to the wire, whatever was asked. */
export function parkedAnswer(call: ModelCall): DemoAnswer {
  return answerBy(call, () => say([PARKED_TEXT]));
}

function answerBy(
  call: ModelCall,
  choose: (prompt: Prompt) => Reply | ScriptedRefusal,
): DemoAnswer {
  const { route } = call;
  const wire = WIRES[route.name];
  if (wire === undefined) {
    return whole(route.name === 'models' ? modelList(route.family) : oneModel(route), AT_ONCE);
  }
  try {
    const prompt = wire.read(parse(call.body));
    if (route.name === 'count_tokens') {
      return whole({ input_tokens: inputTokens(prompt) }, AT_ONCE);
    }
    const decided = choose(prompt);
    if (!('refusal' in decided)) return written(wire, call, prompt, decided);
    const answer = refuse(route.family, decided.refusal, decided.message);
    return { kind: 'whole', answer, pace: decided.pace };
  } catch (error) {
    if (!(error instanceof BadPrompt)) throw error;
    const answer = refuse(route.family, 'invalid_request', error.message);
    return { kind: 'whole', answer, pace: AT_ONCE };
  }
}

/** Puts a reply into the wire format of the call, cut to the call's own output limit. */
function written(wire: Wire, call: ModelCall, prompt: Prompt, full: Reply): DemoAnswer {
  const reply = withinLimit(full, prompt.maxOutputTokens);
  const id = createHash('sha256').update(call.body).digest('hex').slice(0, ID_DIGITS);
  const context = { prompt, reply, id, created: Math.floor(Date.now() / 1000) };
  if (!prompt.stream) return whole(wire.answer(context), reply.pace);
  return { kind: 'stream', frames: wire.stream(context), pace: reply.pace };
}

function whole(body: object, pace: Pace): DemoAnswer {
  const headers = { 'content-type': 'application/json' };
  return { kind: 'whole', answer: { status: 200, headers, body: JSON.stringify(body) }, pace };
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw new BadPrompt(`the body is not JSON: ${(error as SyntaxError).message}`);
  }
}
