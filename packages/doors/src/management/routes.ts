import {
  ackUsageBody,
  claimChannelBody,
  ERRORS,
  invalidateOrgsBody,
  KartaError,
  openChannelBody,
  openTurnBody,
  spendCheckBody,
  testKeyBody,
  type UpstreamsAnswer,
} from '@karta/protocol';
import { offerKeyBody, type RotatingKey, usedKey } from '@karta/service/plane-auth';
import type { z } from 'zod';
import type { TurnCheck } from '../budgets/turn-check.ts';
import type { ChannelRegistry } from '../channels/registry.ts';
import type { OrgLink } from '../control/org-link.ts';
import type { Journal } from '../journal/journal.ts';
import { tryKey } from '../keys/try-key.ts';
import { USAGE_PAGE } from '../limits.ts';
import type { Upstreams } from '../upstreams/select.ts';

/** An answer of the management API; without a body it is empty. */
export interface ManagementAnswer {
  status: number;
  body?: unknown;
  /** In place of a body: one that is JSON already. */
  json?: string;
}

/** What the management API works on. */
export interface Managed {
  channels: ChannelRegistry;
  upstreams: Upstreams;
  journal: Journal;
  /** Forgets what is known of these orgs: their rules, keys, caps. */
  forget(orgIds: readonly string[]): void;
  /** `null` where no control plane is configured. */
  orgs: OrgLink | null;
  /** Says whether turns may begin. */
  turnCheck: TurnCheck;
  /** What the doors sign with at the control plane; `null` where it cannot be changed. */
  planeKey: RotatingKey | null;
}

/** A request that the management API refuses. */
export class ManagementError extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'ManagementError';
    this.status = status;
  }
}

type Handler = (managed: Managed, ids: string[], body: unknown) => Promise<ManagementAnswer>;

interface ManagementRoute {
  method: string;
  /** Segments; `*` stands for an id. */
  path: string;
  handle: Handler;
}

export const MANAGEMENT_ROUTES: readonly ManagementRoute[] = [
  { method: 'POST', path: '/channels', handle: createChannel },
  { method: 'PATCH', path: '/channels/*', handle: claimChannel },
  { method: 'DELETE', path: '/channels/*', handle: removeChannel },
  { method: 'GET', path: '/channels/*/connections', handle: listConnections },
  { method: 'PUT', path: '/channels/*/turn', handle: openTurn },
  { method: 'DELETE', path: '/channels/*/turn/*', handle: closeTurn },
  { method: 'GET', path: '/usage', handle: listUsage },
  { method: 'POST', path: '/usage/ack', handle: ackUsage },
  { method: 'POST', path: '/invalidate', handle: invalidate },
  { method: 'POST', path: '/spend/check', handle: checkSpend },
  { method: 'POST', path: '/keys/test', handle: testKey },
  { method: 'POST', path: '/plane-key/offer', handle: offerPlaneKey },
  { method: 'POST', path: '/plane-key/use', handle: usePlaneKey },
  { method: 'GET', path: '/upstreams', handle: listUpstreams },
  { method: 'GET', path: '/healthz', handle: async () => ({ status: 200, body: { ok: true } }) },
];

async function createChannel({ channels }: Managed, _ids: string[], body: unknown) {
  const asked = read(openChannelBody, body);
  if (asked.mode === 'live' && asked.session_id === null) {
    throw new ManagementError(422, '/session_id: a live channel belongs to a session');
  }
  const answer = await channels.create(asked);
  if (answer === null) throw new ManagementError(409, 'the channel is open already');
  return { status: 201, body: answer };
}

async function claimChannel({ channels }: Managed, [id]: string[], body: unknown) {
  const { session_id, demo } = read(claimChannelBody, body);
  if (!channelOf(channels, id).claim(session_id, demo)) {
    throw new ManagementError(409, 'the channel belongs to another session');
  }
  return { status: 204 };
}

async function removeChannel({ channels }: Managed, [id]: string[]) {
  if (!(await channels.remove(id ?? ''))) throw absent();
  return { status: 204 };
}

async function listConnections({ channels }: Managed, [id]: string[]) {
  const body = channels.connections(id ?? '');
  if (body === null) throw absent();
  return { status: 200, body };
}

async function openTurn({ channels }: Managed, [id]: string[], body: unknown) {
  const { turn_id, org_grant: orgGrant, payer } = read(openTurnBody, body);
  channelOf(channels, id).openTurn(turn_id, { orgGrant, payer });
  return { status: 204 };
}

async function closeTurn({ channels }: Managed, [id, turnId]: string[]) {
  const closing = channelOf(channels, id).ledger.close(turnId ?? '');
  if (closing === null) throw absent();
  return { status: 200, body: await closing };
}

async function listUpstreams({ upstreams }: Managed) {
  const body: UpstreamsAnswer = {
    upstreams: upstreams.list().map(({ upstream: { id, endpoint, lacks = [] }, families }) => {
      return { id, families, responses: !lacks.includes('responses'), endpoint };
    }),
  };
  return { status: 200, body };
}

async function listUsage({ journal }: Managed) {
  const records = await journal.unacknowledgedJson(USAGE_PAGE);
  const json = records.length === 0 ? '' : `[${records.join('],[')}]`;
  return { status: 200, json: `{"records":[${json}]}` };
}

async function ackUsage({ journal }: Managed, _ids: string[], body: unknown) {
  await journal.acknowledge(read(ackUsageBody, body).through);
  return { status: 204 };
}

async function invalidate({ forget }: Managed, _ids: string[], body: unknown) {
  forget(read(invalidateOrgsBody, body).org_ids);
  return { status: 204 };
}

async function offerPlaneKey({ planeKey }: Managed, _ids: string[], body: unknown) {
  const asked = read(offerKeyBody.pick({ rotation_id: true }), body);
  const offer = await rotating(planeKey).offer(asked.rotation_id);
  return { status: 200, body: { offer } };
}

async function usePlaneKey({ planeKey }: Managed, _ids: string[], body: unknown) {
  const { kid } = read(usedKey, body);
  if (!(await rotating(planeKey).use(kid))) {
    throw new ManagementError(404, 'this key was never offered');
  }
  return { status: 204 };
}

function rotating(planeKey: RotatingKey | null): RotatingKey {
  if (planeKey !== null) return planeKey;
  throw new ManagementError(409, 'these doors keep the key that they are configured with');
}

async function checkSpend({ turnCheck }: Managed, _ids: string[], body: unknown) {
  const { subject, org_grant } = read(spendCheckBody, body);
  return { status: 200, body: await asked(turnCheck.check(subject, org_grant)) };
}

async function testKey({ orgs }: Managed, _ids: string[], body: unknown) {
  const { org_id: orgId, provider, org_grant: grant } = read(testKeyBody, body);
  const answer = orgs === null ? null : await asked(tryKey(orgs, { orgId, provider, grant }));
  if (answer === null) throw new ManagementError(404, 'the org has no such key');
  return { status: 200, body: answer };
}

/** What the control plane says; its refusals under their own status. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!KartaError.is(error)) throw error;
    throw new ManagementError(ERRORS[error.code].status, error.message);
  }
}

function channelOf(channels: ChannelRegistry, id: string | undefined) {
  const channel = channels.get(id ?? '');
  if (channel === null) throw absent();
  return channel;
}

function absent(): ManagementError {
  return new ManagementError(404, 'there is no such channel or turn');
}

function read<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path, message }) => `/${path.join('/')}: ${message}`);
  throw new ManagementError(422, where.join('; '));
}
