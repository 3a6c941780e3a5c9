import { completeKey } from '@karta/postgres';
import { type KartaEvent, LIMITS } from '@karta/protocol';
import { messageObjects, tellsLimits, turnObjects } from '../rates/counted-objects.ts';
import type { SessionRow } from '../sql/index.ts';
import { acceptMessage } from './accept-message.ts';
import { endSession } from './end-session.ts';
import type { Engine } from './engine.ts';
import { readHistory } from './history.ts';
import { listSessions } from './list-sessions.ts';
import type { LiveSession } from './live-session.ts';
import { openSession } from './open-session.ts';
import { patchSession } from './patch-session.ts';
import { payerOf } from './payer.ts';
import type { Caller, SessionService } from './port.ts';
import { releaseOf, requireUnrevoked } from './release-of.ts';
import { resolveInput } from './resolve-input.ts';
import type { SessionEngine } from './session-engine.ts';
import { mayKnow, requireLiving, requireSession } from './session-store.ts';
import { sessionView, sessionViews } from './session-view.ts';

/** The sessions of a running engine, as the HTTP routes use them. */
export function sessionService(engine: Engine, running: SessionEngine): SessionService {
  const { live, turns } = running;
  const find = (caller: Caller, id: string) => requireSession(engine.database, caller, id);

  /** A session in memory that the caller may know of and that has not ended. */
  function atHand(caller: Caller, id: string): LiveSession | undefined {
    const session = live.get(id);
    if (session === undefined || session.ended || !mayKnow(caller, session.owner)) return undefined;
    session.usedAt = Date.now();
    return session;
  }

  async function sessionOf(caller: Caller, id: string): Promise<LiveSession> {
    const session = atHand(caller, id);
    if (session !== undefined) return session;
    const row = await find(caller, id);
    requireLiving(row);
    return live.open(row);
  }

  /** A session that lives. One that ended with its release is told by the release. */
  async function unrevoked(caller: Caller, id: string): Promise<SessionRow> {
    const row = await find(caller, id);
    await requireUnrevoked(engine, row);
    requireLiving(row);
    return row;
  }

  /** A session with its release, for what is asked of the runner. */
  async function placeOf(caller: Caller, id: string) {
    const row = await find(caller, id);
    requireLiving(row);
    const session = await live.open(row);
    return { row, session, place: session.runnerSession(await releaseOf(engine, row)) };
  }

  return {
    async create(caller, project, body, remember) {
      running.requireServing();
      const within: Parameters<typeof openSession>[4] = async (transaction, opened) => {
        if (remember === undefined) return;
        const { orgId, id: principalId } = caller.principal;
        const { route, key, status } = remember;
        const objectId = remember.objectIdOf({ id: opened.row.id });
        await completeKey(transaction, { orgId, principalId, route, key }, objectId, status);
      };
      const { row, created } = await openSession(engine, caller, project, body, within);
      return { session: await sessionView(engine, live, caller, row), created };
    },

    async get(caller, sessionId) {
      return sessionView(engine, live, caller, await find(caller, sessionId));
    },

    async list(caller, query) {
      const { rows, nextCursor } = await listSessions(engine, caller, query);
      return { sessions: await sessionViews(engine, live, caller, rows), nextCursor };
    },

    async patch(caller, sessionId, body) {
      const row = await patchSession(engine, caller, sessionId, body);
      await live.refresh(row.id);
      return sessionView(engine, live, caller, row);
    },

    async end(caller, sessionId) {
      await endSession(engine, live, turns, await find(caller, sessionId), 'deleted');
    },

    async send(caller, sessionId, body, remember) {
      running.requireServing();
      const known = atHand(caller, sessionId);
      const session = known ?? (await live.open(await unrevoked(caller, sessionId)));
      const pinned = { org_id: session.orgId, release_id: session.releaseId };
      await requireUnrevoked(engine, pinned);
      const release = await releaseOf(engine, pinned);
      requireRate(engine, caller, session);
      const checking = requireBudget(engine, caller, session);
      // Waiting for nothing would cost the prompt a round of the event loop.
      if (checking !== undefined) await checking;
      return acceptMessage(engine, turns, session, { caller, release, body, remember });
    },

    async cancel(caller, sessionId) {
      const row = await find(caller, sessionId);
      requireLiving(row);
      const run = live.get(row.id)?.current;
      run?.stop('cancelled');
      await run?.finished;
      return sessionView(engine, live, caller, await find(caller, sessionId));
    },

    async resolveInput(caller, sessionId, requestId, answer) {
      const session = await sessionOf(caller, sessionId);
      const resolved = await resolveInput(engine, session, caller, requestId, answer);
      return { ...resolved, agent: session.agent };
    },

    async events(caller, sessionId, query) {
      let session = atHand(caller, sessionId);
      if (session === undefined) {
        const row = await find(caller, sessionId);
        if (row.ended_at !== null) return nothing();
        session = await live.open(row);
      }
      const { until } = query;
      const over =
        until !== undefined &&
        session.current?.id !== until.turnId &&
        !session.queue.includes(until.turnId);
      // End users learn nothing of money.
      const costs = caller.principal.kind !== 'session_token';
      return session.events.follow({ ...query, costs, over });
    },

    async history(caller, sessionId) {
      const { row, place } = await placeOf(caller, sessionId);
      return readHistory(engine, row, place);
    },

    async connections(caller, sessionId) {
      const { place } = await placeOf(caller, sessionId);
      return engine.runner.connections(place.sessionId);
    },

    async listFiles(caller, sessionId, prefix = '') {
      const { place } = await placeOf(caller, sessionId);
      return engine.runner.listFiles(place, prefix);
    },

    async readFile(caller, sessionId, path) {
      const { place } = await placeOf(caller, sessionId);
      return engine.runner.readFile(place, path);
    },

    async writeFile(caller, sessionId, path, body) {
      const { session, place } = await placeOf(caller, sessionId);
      const written = await engine.runner.writeFile(place, path, body, LIMITS.fileBytes);
      await session.keepPlace(written.volumeId, null, null);
      return { size: written.size };
    },

    async removeFile(caller, sessionId, path) {
      const { session, place } = await placeOf(caller, sessionId);
      const { volumeId } = await engine.runner.removeFile(place, path);
      await session.keepPlace(volumeId, null, null);
    },
  };
}

/** Refuses a message that comes too fast, or whose turn would run beside too many. */
function requireRate({ rates }: Engine, caller: Caller, session: LiveSession): void {
  if (rates === undefined) return;
  const { principal } = caller;
  const { owner } = session;
  const tells = tellsLimits(principal);
  const turn = turnObjects(payerOf(principal, owner.sub), owner);
  rates.requireTokens(turn, tells);
  // One that waits behind another of its session takes over the place of that one.
  if (!session.busy) rates.requireTurn(turn, tells);
  rates.takeRequest(messageObjects(caller, owner), tells);
}

/** Refuses a turn that no budget is left for. What test keys do costs nothing. */
function requireBudget(
  { gate }: Engine,
  { principal }: Caller,
  session: LiveSession,
): Promise<void> | undefined {
  if (session.owner.mode === 'test') return undefined;
  const { id, org_id, project_id, sub } = session.owner;
  const subject = { ...payerOf(principal, sub), org_id, project_id, session_id: id };
  return gate?.require(subject, principal.kind !== 'session_token');
}

/** All that is left to follow of a session that has ended. */
async function* nothing(): AsyncIterable<KartaEvent> {}
