import { z } from 'zod';
import { callProvider } from '../management/provider-keys.ts';
import { hostName, NETWORK_TARGETS, networkPort } from '../network-target.ts';
import { modelFallback } from '../provider-model.ts';
import { usage } from '../usage.ts';
import { callCost } from './metering.ts';

/**
 * The management API of the doors, spoken by the data plane over a host-only unix socket.
 *
 * A *channel* is one sandbox's way to the model: a unix socket that only this sandbox can reach and
 * a credential that the harness sends as its API key. What a call costs is booked on the turn that
 * is open on its channel when the call begins. Each host that the sandbox may reach besides has a
 * socket of its own beside the channel's.
 */

/** The wire a harness speaks. Families are never translated into each other. */
export const wireFamily = z.enum(['anthropic', 'openai']);
export type WireFamily = z.infer<typeof wireFamily>;

/**
 * `parked`: nobody has claimed the sandbox; every call gets a short canned answer, reaches no
 * provider and is not billed. `live`: calls are served.
 */
export const channelMode = z.enum(['parked', 'live']);

/** What may stand in a header: no line break, no control character. */
const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'cannot be a header');

/**
 * Header of each answer of the doors' management: names this start of theirs. After another one no
 * channel of before is there any more.
 */
export const DOORS_START_HEADER = 'karta-doors-start';

/** `POST /channels` */
export const openChannelBody = z.strictObject({
  channel_id: z.string(),
  org_id: z.string(),
  project_id: z.string(),
  session_id: z.string().nullable(),
  mode: channelMode,
  /** Of a test session: the demo model answers every call, whatever providers there are. */
  demo: z.boolean().default(false),
  /** Hosts that the sandbox may reach; with `inject` by plain HTTP, to which a header is added. */
  egress: z
    .array(
      z.strictObject({
        host: hostName,
        port: networkPort,
        inject: z.strictObject({ header: z.string(), value: headerValue }).nullable(),
      }),
    )
    .max(NETWORK_TARGETS)
    .default([]),
  /** Whether requests may have the provider reach the network: hosted tools, addresses to fetch. */
  provider_tools: z.boolean().default(false),
  /** Models for calls whose own upstream does not answer. */
  fallback: modelFallback.default([]),
});
export type OpenChannelBody = z.input<typeof openChannelBody>;
export type ChannelOrder = z.output<typeof openChannelBody>;

export const openChannelAnswer = z.strictObject({
  /** Absolute path of the channel's unix socket on the host. Speaks HTTP/1.1. */
  socket_path: z.string(),
  /** What the harness must send as `x-api-key` or bearer token. Worth nothing on another channel. */
  credential: z.string(),
  /** For each host of the request, in its order, the unix socket that leads there. */
  egress: z
    .array(z.strictObject({ host: z.string(), port: networkPort, socket_path: z.string() }))
    .default([]),
});
export type OpenChannelAnswer = z.output<typeof openChannelAnswer>;

/** How a connection through the egress door ended. */
export const egressOutcome = z.enum([
  /** Both sides have closed it. */
  'complete',
  /** One side broke it off. */
  'cut',
  /** No byte moved for too long. */
  'idle',
  /** Nobody answered at the host. */
  'unreachable',
  /** Where the door itself speaks TLS: the host did not, or its certificate is not valid. */
  'tls_failed',
  /** The name has no address. */
  'unresolved',
  /** The name leads only to addresses that no sandbox may reach. */
  'forbidden_address',
  /** TLS was begun for another host than the one that is allowed there. */
  'other_name',
  /** Too many connections were open. */
  'limit',
]);
export type EgressOutcome = z.infer<typeof egressOutcome>;

/** One connection of a sandbox through the egress door: where, how much, how long. No content. */
export const egressConnection = z.strictObject({
  host: z.string(),
  port: networkPort,
  /** When it was opened. */
  at: z.iso.datetime({ offset: true }),
  ms: z.int().nonnegative(),
  bytes_sent: z.int().nonnegative(),
  bytes_received: z.int().nonnegative(),
  outcome: egressOutcome,
});
export type EgressConnection = z.infer<typeof egressConnection>;

/** `GET /channels/{id}/connections`: the latest that have ended, oldest first. */
export const egressLogAnswer = z.strictObject({
  connections: z.array(egressConnection),
  /** Older ones that are no longer kept. */
  dropped: z.int().nonnegative(),
});
export type EgressLogAnswer = z.infer<typeof egressLogAnswer>;

/** `PATCH /channels/{id}`: a parked channel is claimed by a session. */
export const claimChannelBody = z.strictObject({
  session_id: z.string(),
  mode: z.literal('live'),
  demo: z.boolean().default(false),
});
export type ClaimChannelBody = z.input<typeof claimChannelBody>;

/** Whom a turn is for, beside what its channel knows. */
export const turnPayer = z.strictObject({
  /** The API key that was used, or that minted the token that was used. */
  api_key_id: z.string().nullable(),
  /** The embed key that minted the token. */
  embed_key_id: z.string().nullable(),
  end_user: z.string().nullable(),
});
export type TurnPayer = z.infer<typeof turnPayer>;

/** Nobody but the org and the session. */
export const NO_PAYER: TurnPayer = Object.freeze({
  api_key_id: null,
  embed_key_id: null,
  end_user: null,
});

/** `PUT /channels/{id}/turn`: calls that begin from now on belong to this turn. */
export const openTurnBody = z.strictObject({
  turn_id: z.string(),
  /** Proof that a credential of the org was met: opens its caps and keys. `null`: there is none. */
  org_grant: z.string().nullable().default(null),
  payer: turnPayer.default(NO_PAYER),
});
export type OpenTurnBody = z.input<typeof openTurnBody>;

/**
 * Why the doors refused a turn's model call for good. What its harness makes of the refusal is its
 * own matter; the turn ends with this.
 */
export const turnRefusal = z.strictObject({
  code: z.enum(['budget_exhausted', 'byok_key_rejected', 'control_unavailable']),
  /** For people, without any secret. */
  message: z.string(),
  /** Whose key was refused. */
  provider: z.string().nullable(),
});
export type TurnRefusal = z.infer<typeof turnRefusal>;

/** `DELETE /channels/{id}/turn/{turn_id}`: waits for its calls in flight (bounded), then tells. */
export const turnUsageAnswer = z.strictObject({
  turn_id: z.string(),
  usage,
  /** Model calls made. */
  calls: z.int().nonnegative(),
  /** Calls whose provider never reported a count, booked by our own. */
  estimated_calls: z.int().nonnegative(),
  /** Of all calls together, picodollars; `null` where that of one is not known. */
  cost: callCost.shape.cost,
  /** Calls that another model answered, since the one that was asked for could not. */
  fallbacks: z
    .array(
      z.strictObject({
        provider: z.string(),
        model: z.string(),
        instead_of: z.strictObject({ provider: z.string(), model: z.string() }),
        calls: z.int().positive(),
      }),
    )
    .default([]),
  /** The latest refusal, unless a call that began after it was answered. */
  refusal: turnRefusal.nullable().default(null),
});
export type TurnUsageAnswer = z.infer<typeof turnUsageAnswer>;

/** `GET /upstreams`: what the doors can serve, so that a publish can refuse what nobody serves. */
export const upstreamsAnswer = z.strictObject({
  upstreams: z.array(
    z.strictObject({
      id: callProvider,
      families: z.array(wireFamily),
      /** Of the OpenAI wires: whether it has Responses beside Chat Completions. */
      responses: z.boolean().default(true),
      /** Where calls go, without credentials; `embedded` for the demo model. */
      endpoint: z.string(),
    }),
  ),
});
export type UpstreamsAnswer = z.infer<typeof upstreamsAnswer>;

/** Paths of the wire formats on a channel: `http://<channel>/anthropic/v1/messages` and so on. */
export const CHANNEL_PATHS: Record<WireFamily, string> = {
  anthropic: '/anthropic',
  openai: '/openai/v1',
};
