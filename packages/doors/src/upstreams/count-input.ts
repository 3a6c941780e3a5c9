import { z } from 'zod';
import { COUNT_WAIT_MS, COUNTED_MORE } from '../budgets/limits.ts';
import type { UpstreamKey } from '../keys/key-parts.ts';
import { exactJson } from '../wire/exact-json.ts';
import { parsedJson } from '../wire/parsed-json.ts';
import type { Route } from '../wire/routes.ts';
import type { ModelCall, Upstream } from './port.ts';
import { answerText } from './provider-refusal.ts';
import { serves } from './serves.ts';

/** What of a request its count of tokens follows from, which is all that may be asked about. */
const ASKED = new Set([
  ...['model', 'messages', 'system', 'tools', 'tool_choice'],
  ...['thinking', 'output_config', 'context_management'],
]);
/** What changes nothing of it. */
const WITHOUT = new Set([
  ...['max_tokens', 'stream', 'metadata', 'stop_sequences', 'service_tier', 'inference_geo'],
  ...['temperature', 'top_p', 'top_k', 'speed'],
]);
const ROUTE = { family: 'anthropic', name: 'count_tokens' } as const;
const answer = z.object({ input_tokens: z.int().nonnegative() });

/**
 * Asks a provider what the input of a call counts, which is free, and resolves with somewhat more:
 * providers call it an estimate. `null` where its wire cannot be asked, the call says what is not
 * known to leave the count alone, or no answer comes within {@link COUNT_WAIT_MS}. The call must be
 * one that can be bounded: nothing that its provider would fetch or run by itself is counted here.
 */
export async function countInput(
  upstream: Upstream,
  key: UpstreamKey | null,
  call: ModelCall,
  gone: AbortSignal,
): Promise<number | null> {
  if (call.route.name !== 'messages' || !serves(upstream, ROUTE)) return null;
  const body = askedBody(call.body);
  if (body === null) return null;
  const { query } = call.route;
  const route: Route = { ...ROUTE, path: '/v1/messages/count_tokens', query, billed: false };
  const signal = AbortSignal.any([gone, AbortSignal.timeout(COUNT_WAIT_MS)]);
  try {
    const reply = await upstream.send({ ...call, route, body }, key, signal);
    const text = await answerText(reply.body);
    const told = reply.status === 200 ? answer.safeParse(parsedJson(text)) : null;
    if (told?.success !== true) return null;
    return Math.ceil(told.data.input_tokens * COUNTED_MORE);
  } catch {
    // Whatever it was, the call's bytes bound it.
    return null;
  }
}

function askedBody(body: Buffer): Buffer | null {
  const request = exactJson(body);
  if (typeof request !== 'object' || request === null) return null;
  const asked: [string, unknown][] = [];
  for (const [name, value] of Object.entries(request)) {
    if (ASKED.has(name)) asked.push([name, value]);
    else if (!WITHOUT.has(name)) return null;
  }
  return Buffer.from(JSON.stringify(Object.fromEntries(asked)));
}
