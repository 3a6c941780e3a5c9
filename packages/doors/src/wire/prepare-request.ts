import { isUtf8 } from 'node:buffer';
import { MODEL_NAME_CHARS } from '../limits.ts';
import { exactJson } from './exact-json.ts';
import { bodyShape } from './json-shape.ts';
import { anthropicSurcharge, openaiSurcharge } from './list-price.ts';
import { anthropicReach, openaiReach } from './provider-reach.ts';
import type { RouteName } from './routes.ts';
import { topLevelMembers, topLevelString } from './top-level.ts';

/** A request body as it goes to the upstream. */
export interface Prepared {
  body: Buffer;
  /** The client did not ask for the usage that the stream will now carry: take it out. */
  hideUsage: boolean;
  /** As the request names it; `unknown` for a name that no provider gives. */
  model: string;
}

const MODEL_NAME = new RegExp(`^[\\w.:@/-]{1,${MODEL_NAME_CHARS}}$`);
const UNKNOWN_MODEL = 'unknown';

/** A request that cannot be served, and why. */
export interface Unservable {
  problem: string;
}

/**
 * Refuses what nobody could parse safely, and makes the rest countable. A Chat Completions stream
 * tells its usage only when asked to; a Responses call in the background would be billed after its
 * answer, where nobody counts it. OpenAI bodies that can be read in two ways are written anew, so
 * that the provider reads the same request as we did. Without `providerTools` nothing passes by which the provider would reach
 * the network, and never anything by which a call would cost otherwise than its model is listed.
 */
export function prepareRequest(
  route: RouteName,
  body: Buffer,
  providerTools = false,
): Prepared | Unservable {
  const { problem: excess, members: written } = bodyShape(body);
  if (excess !== null) return { problem: excess };
  if (route !== 'chat' && route !== 'responses') {
    const members = topLevelMembers(body);
    const reach = providerTools ? { body } : anthropicReach(body, members);
    if ('problem' in reach) return reach;
    const surcharge = anthropicSurcharge(body, members);
    if (surcharge !== null) return { problem: surcharge };
    const model = modelName(topLevelString(body, 'model', members));
    return { body: reach.body, hideUsage: false, model };
  }
  let request: Record<string, unknown>;
  try {
    request = exactJson(body) as Record<string, unknown>;
  } catch (error) {
    return { problem: `The body is not JSON: ${(error as SyntaxError).message}` };
  }
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    return { problem: 'The body must be a JSON object.' };
  }
  if (route === 'responses' && request.background === true) {
    return { problem: 'background is not available here; stream the response.' };
  }
  const problem = (providerTools ? null : openaiReach(request)) ?? openaiSurcharge(request);
  if (problem !== null) return { problem };
  let hideUsage = false;
  if (route === 'chat' && request.stream === true) {
    const options = (request.stream_options ?? {}) as Record<string, unknown>;
    hideUsage = options.include_usage !== true;
    if (hideUsage) request.stream_options = { ...options, include_usage: true };
  }
  const asItIs = !hideUsage && isUtf8(body) && membersOf(request) === written;
  return {
    body: asItIs ? body : Buffer.from(JSON.stringify(request)),
    hideUsage,
    model: modelName(request.model),
  };
}

/** Members of all objects in it: fewer than were written where two of one object have one name. */
function membersOf(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += membersOf(item);
    return count;
  }
  for (const inner of Object.values(value)) count += 1 + membersOf(inner);
  return count;
}

function modelName(named: unknown): string {
  return typeof named === 'string' && MODEL_NAME.test(named) ? named : UNKNOWN_MODEL;
}
