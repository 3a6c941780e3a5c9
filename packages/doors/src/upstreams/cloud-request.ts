import { MODEL_NAME_CHARS } from '../limits.ts';
import { exactJson } from '../wire/exact-json.ts';
import { parsedJson } from '../wire/parsed-json.ts';
import { withMembers } from '../wire/with-members.ts';
import type { ModelCall } from './port.ts';

type Json = Record<string, unknown>;

/** A Messages request in the parts that a cloud which serves Claude wants in other places. */
export interface CloudRequest {
  model: string;
  stream: boolean;
  /** What is left of the body, a JSON object. */
  body: Buffer;
  /** The beta features asked for that the cloud knows. */
  betas: readonly string[];
}

/**
 * What the body does not carry on: the model and the stream are said by the address, the betas by the
 * header, and the last three are Anthropic's own and say nothing here, since only values that leave a
 * call at list price pass.
 */
const ELSEWHERE = [
  ...['model', 'stream', 'anthropic_version', 'anthropic_beta', 'betas'],
  ...['service_tier', 'inference_geo', 'speed'],
];
const WITH_ANTHROPICS_OWN = ['tools', 'system', 'messages'];
const MODEL_NAME = new RegExp(`^[\\w.:@/-]{1,${MODEL_NAME_CHARS}}$`);

/**
 * Reads a call as a cloud takes it. `knownBetas`: what the cloud calls each beta feature that it
 * knows; others are left out, for it would refuse the whole call. What none
 * of this concerns keeps its bytes.
 */
export function cloudRequest(
  call: Pick<ModelCall, 'body' | 'headers'>,
  knownBetas: ReadonlyMap<string, string>,
): CloudRequest | { problem: string } {
  const request = parsedJson(call.body.toString());
  if (!isObject(request)) return { problem: 'The body must be a JSON object.' };
  const { model, stream } = request;
  if (typeof model !== 'string' || !MODEL_NAME.test(model)) {
    return { problem: 'model must be the name of a model.' };
  }
  const changes: Json = Object.fromEntries(ELSEWHERE.map((name) => [name, undefined]));
  if (leaveAnthropicsOwn(request)) {
    const exact = exactJson(call.body) as Json;
    leaveAnthropicsOwn(exact);
    for (const name of WITH_ANTHROPICS_OWN) changes[name] = exact[name];
  }
  return {
    model,
    stream: stream === true,
    body: withMembers(call.body, changes),
    betas: betasOf(call.headers['anthropic-beta'] ?? '', knownBetas),
  };
}

function betasOf(header: string, known: ReadonlyMap<string, string>): string[] {
  const names = header.split(',').map((name) => known.get(name.trim()));
  return [...new Set(names.filter((name) => name !== undefined))];
}

/**
 * Anthropic alone takes the scope of a cached prompt, and that the input of a tool may come early. The
 * clouds refuse a whole call for either; without it only time is lost. Says whether there was any.
 */
function leaveAnthropicsOwn(body: Json): boolean {
  let any = false;
  const leave = (from: Json, name: string) => {
    any ||= Object.hasOwn(from, name);
    delete from[name];
  };
  for (const tool of list(body.tools)) leave(tool, 'eager_input_streaming');
  const contents = list(body.messages).map(({ content }) => content);
  for (const part of [body.tools, body.system, ...contents].flatMap(list)) {
    if (isObject(part.cache_control)) leave(part.cache_control, 'scope');
  }
  return any;
}

function list(value: unknown): Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
