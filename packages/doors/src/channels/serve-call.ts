import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TurnRefusal } from '@karta/protocol';
import { parkedAnswer } from '../demo/answer.ts';
import { servedBy } from '../keys/serving-key.ts';
import { CHANNEL_CALLS } from '../limits.ts';
import { MeteredCall } from '../metering/metered-call.ts';
import { perform } from '../upstreams/demo.ts';
import type { ModelCall } from '../upstreams/port.ts';
import { type Refusal, refuse } from '../wire/errors.ts';
import { prepareRequest } from '../wire/prepare-request.ts';
import { familyOf, type Route, routeOf } from '../wire/routes.ts';
import type { Exchange } from './attempt.ts';
import type { CallContext } from './call-context.ts';
import type { Channel } from './channel.ts';
import { carries } from './credential.ts';
import { forwardCall } from './forward-call.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import { goneOf } from './gone.ts';
import { readBody } from './read-body.ts';
import { relay } from './relay.ts';

const NOT_READ = {
  too_large: 'The body is too large.',
  rate_limited: 'This session sends too much at once; wait for its other calls.',
  overloaded: 'The server holds too many requests at once; try again in a moment.',
} as const;

/**
 * Serves one request of a sandbox, from its first header to its last byte. Code inside reaches the
 * channel as well as the harness does, so nothing in a request is trusted.
 */
export async function serveCall(
  context: CallContext,
  channel: Channel,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = '', url = '' } = request;
  const family = familyOf(url);
  const no = (refusal: Refusal, message: string) => {
    const answer = refuse(family, refusal, message);
    response.writeHead(answer.status, answer.headers).end(answer.body);
    context.metrics.ended(family, 'none', 'refused_here');
  };
  if (!carries(channel.credential, request)) {
    return no('unauthenticated', 'The credential is not valid on this channel.');
  }
  const route = routeOf(method, url);
  if (route === null) return no('not_found', 'There is no such endpoint here.');
  if (context.draining()) return no('overloaded', 'The server is shutting down.');
  if (channel.calls >= CHANNEL_CALLS) return no('rate_limited', 'Too many calls at once.');

  channel.calls += 1;
  context.metrics.inFlight.calls += 1;
  const bodies = context.bodies.of(channel.orgId);
  let held = 0;
  try {
    const read = await readBody(request, channel.bodies, bodies);
    if ('gone' in read) return;
    if ('refusal' in read) return no(read.refusal, NOT_READ[read.refusal]);
    held = read.body.length;
    const prepared = prepareRequest(route.name, read.body, channel.providerTools);
    if ('problem' in prepared) return no('invalid_request', prepared.problem);
    const call = callOf(route, request, prepared.body, channel);
    const { hideUsage, model } = prepared;
    const exchange = { call, response, gone: goneOf(request.socket), hideUsage, model };
    if (channel.parked) return await answerParked(context, exchange);
    // Before anything is asked on its account: the turn says on whose.
    const turn = route.billed ? channel.ledger.turnSoon() : null;
    if (turn !== null) await turn;
    const served = await servedBy(context, channel, { route, model });
    if ('refusal' in served) {
      if (served.told !== null && route.billed) bookRefused(channel, call, served.told);
      return no(served.refusal, served.message);
    }
    await forwardCall(context, channel, served, exchange);
  } finally {
    channel.bodies.bytes -= held;
    bodies.release(held);
    channel.calls -= 1;
    context.metrics.inFlight.calls -= 1;
  }
}

/** A call that nobody could be asked about: it cost nothing, and its turn ends for this reason. */
function bookRefused(channel: Channel, { route, body }: ModelCall, refusal: TurnRefusal): void {
  const meter = new MeteredCall(route.name, body.length);
  meter.notSent();
  const booking = channel.ledger.begin(meter);
  booking.refused(refusal);
  booking.finish(0n);
}

function callOf(route: Route, request: IncomingMessage, body: Buffer, channel: Channel): ModelCall {
  return { route, headers: forwardedHeaders(request.headers), body, channelId: channel.id };
}

/** Nobody has claimed the sandbox: a short canned answer, no provider, nothing booked. */
async function answerParked(context: CallContext, exchange: Exchange): Promise<void> {
  const { call, response, hideUsage } = exchange;
  const { family } = call.route;
  const reply = await perform(parkedAnswer(call), new AbortController().signal);
  await relay(reply, response, { hideUsage, onChunk: () => {} });
  context.metrics.ended(family, 'none', 'parked');
}
