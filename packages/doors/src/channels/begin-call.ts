import type { SpendSubject } from '@karta/protocol';
import type { Admission } from '../budgets/call-admission.ts';
import type { ServedBy } from '../keys/serving-key.ts';
import type { MeteredCall } from '../metering/metered-call.ts';
import { countInput } from '../upstreams/count-input.ts';
import type { Exchange } from './attempt.ts';
import type { CallContext } from './call-context.ts';
import type { Channel } from './channel.ts';
import { JournalEntry } from './journal-entry.ts';

/** Why a billed call may not be sent. */
export type CallRefused = Extract<Admission, { refusal: string }>;

/**
 * What comes before a billed call is sent: its price, what it takes of the caps that rule it, and
 * its line in the journal. The body is the one to send. Throws `JournalUnavailable`.
 */
export async function beginCall(
  { admission, journal }: CallContext,
  of: { channel: Channel; turnId: string | null },
  { upstream, key }: ServedBy,
  { call, model, gone }: Exchange,
  meter: MeteredCall,
): Promise<{ entry: JournalEntry; body: Buffer } | CallRefused> {
  const { channel } = of;
  const admitted = await admission.admit({
    route: call.route,
    body: call.body,
    model,
    provider: upstream.id,
    ownKeyId: key?.ownId ?? null,
    subject: subjectOf(channel),
    grant: channel.spending.orgGrant,
    countInput: () => countInput(upstream, key, call, gone),
    signal: gone,
  });
  if ('refusal' in admitted) {
    meter.notSent();
    return admitted;
  }
  const { admitted: priced, body } = admitted;
  if (priced.limits !== null) meter.limitTo(priced.limits);
  const { turnId } = of;
  const called = { channel, turnId, provider: upstream.id, model };
  const entry = await JournalEntry.begin(journal, meter, priced, called);
  return { entry, body };
}

/** Whom a channel's calls are for; `null` for a test session, which no cap counts. */
function subjectOf(channel: Channel): SpendSubject | null {
  if (channel.demo || channel.sessionId === null) return null;
  const { payer } = channel.spending;
  return {
    org_id: channel.orgId,
    project_id: channel.projectId,
    session_id: channel.sessionId,
    api_key_id: payer.api_key_id,
    embed_key_id: payer.embed_key_id,
    end_user: payer.end_user,
  };
}
