import { setImmediate as nextRound } from 'node:timers/promises';
import { KartaError, LIMITS, newId, type SendMessageBody } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import { tellsLimits, turnObjects } from '../rates/counted-objects.ts';
import type { StoredAttachment } from '../sql/index.ts';
import { storeAttachments } from './attachments.ts';
import { textDigest } from './attribution.ts';
import type { Engine } from './engine.ts';
import type { LiveSession } from './live-session.ts';
import { attribute } from './participants.ts';
import { payerOf } from './payer.ts';
import type { AcceptedTurn, Caller, Remember } from './port.ts';
import { requireAgent } from './release-of.ts';
import type { TurnQueue } from './turn-queue.ts';
import { insertTurn } from './turn-store.ts';

export interface Message {
  caller: Caller;
  release: Release;
  body: SendMessageBody;
  remember: Remember<AcceptedTurn> | undefined;
}

/**
 * Accepts a message: once this resolves, the turn is on disk and will end with one `done`. It
 * begins at once when the session is free, else it waits its turn. Throws `KartaError`:
 * `unknown_agent`, `capability_missing`, `session_busy`, `session_ended`, `validation_failed`,
 * `rate_limited`.
 */
export async function acceptMessage(
  engine: Engine,
  turns: TurnQueue,
  session: LiveSession,
  message: Message,
): Promise<AcceptedTurn> {
  const { body, release } = message;
  const agent = body.agent ?? session.agent;
  const { capabilities } = await requireAgent(engine, release, agent);
  if (body.thinking && !capabilities.thinking) {
    throw new KartaError('capability_missing', 'This harness does not show its reasoning.');
  }
  // Before anything is written; the decision itself falls below, where nothing comes in between.
  requireRoom(session, body);
  const attachments = await storeAttachments(engine, session, release, body.attachments);
  return session.mutex.run(async () => {
    requireRoom(session, body);
    const sender = { name: body.participant_name, type: body.participant_type };
    const text = await attribute(engine.database, session, sender, body.text);
    const accepted: AcceptedTurn = {
      turnId: newId('turn'),
      afterSeq: session.events.lastSeq,
      agent,
    };
    const begins = !turns.paused && !session.busy;
    const { principal } = message.caller;
    const payer = payerOf(principal, session.owner.sub);
    const leave = begins
      ? engine.rates?.enterTurn(turnObjects(payer, session.owner), tellsLimits(principal))
      : undefined;
    const turn = { accepted, text, attachments, begins };
    // A harness that runs gets the prompt while the turn is being written; none is started for it.
    const ahead = begins && engine.runner.isLive(session.id);
    // The prompt leaves within this round of the event loop, before the write is even put together.
    const round = ahead ? nextRound() : Promise.resolve();
    const stored = round.then(() => store(engine, session, message, turn));
    if (!ahead) await orLeave(stored, leave);
    if (begins) {
      const input = { text, agent, thinking: body.thinking, attachments };
      turns.begin(session, { id: accepted.turnId, release, payer, input, stored, leave });
    }
    await stored;
    session.lastPosition += 1;
    session.usedAt = Date.now();
    if (!begins) {
      session.queue.push(accepted.turnId);
      if (body.if_busy === 'interrupt') session.current?.stop('cancelled');
    }
    return accepted;
  });
}

/** A turn that cannot be stored does not begin, and takes no place. */
async function orLeave(stored: Promise<void>, leave: (() => void) | undefined): Promise<void> {
  try {
    await stored;
  } catch (error) {
    leave?.();
    throw error;
  }
}

function requireRoom(session: LiveSession, body: SendMessageBody): void {
  if (session.ended) throw new KartaError('session_ended');
  if (session.busy && body.if_busy === 'reject') {
    const why = 'A turn is running, which "if_busy":"queue" waits for and "interrupt" ends.';
    throw new KartaError('session_busy', why);
  }
  if (session.queue.length >= LIMITS.queuedTurns) {
    throw new KartaError('session_busy', `${LIMITS.queuedTurns} messages wait already.`);
  }
}

async function store(
  engine: Engine,
  session: LiveSession,
  message: Message,
  turn: {
    accepted: AcceptedTurn;
    text: string;
    attachments: StoredAttachment[];
    begins: boolean;
  },
): Promise<void> {
  const { body, remember, caller } = message;
  const { accepted } = turn;
  await insertTurn(
    engine.database,
    {
      id: accepted.turnId,
      sessionId: session.id,
      orgId: session.orgId,
      position: session.lastPosition + 1,
      state: turn.begins ? 'running' : 'queued',
      text: turn.text,
      textDigest: textDigest(turn.text),
      senderName: body.participant_name ?? null,
      senderType: body.participant_type,
      principalId: caller.principal.id,
      payer: payerOf(caller.principal, session.owner.sub),
      agent: accepted.agent,
      thinking: body.thinking,
      attachments: turn.attachments,
      afterSeq: accepted.afterSeq,
      remember:
        remember === undefined
          ? null
          : {
              principalId: caller.principal.id,
              route: remember.route,
              key: remember.key,
              status: remember.status,
              objectId: remember.objectIdOf(accepted),
            },
    },
    session.status === 'awaiting_input' ? 'awaiting_input' : 'running',
  );
}
