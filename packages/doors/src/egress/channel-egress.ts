import type { Socket } from 'node:net';
import type { EgressOutcome } from '@karta/protocol';
import { guardedConnect } from '@karta/service/network';
import { ChannelAdmission } from './admission.ts';
import type { EgressContext } from './egress-context.ts';
import { EgressLog } from './egress-log.ts';
import { EGRESS_CONNECT_MS, REFUSAL_LOG_MS } from './limits.ts';

/** Whose connections they are; the session is told only once the sandbox has one. */
export interface EgressOwner {
  readonly id: string;
  readonly orgId: string;
  readonly projectId: string;
  readonly sessionId: string | null;
}

export interface Place {
  host: string;
  port: number;
}

/** One connection from its admission to its entry in the session's log. */
export interface Passage {
  /** Writes the entry and gives the place back. Only the first call counts. */
  end(outcome: EgressOutcome, sent: number, received: number): void;
}

/** The way of one sandbox into the network: its books, and what it may open. */
export class ChannelEgress {
  readonly log = new EgressLog();
  private readonly admission = new ChannelAdmission();
  private readonly context: EgressContext;
  private readonly owner: EgressOwner;
  private refusalTold = Number.NEGATIVE_INFINITY;

  constructor(context: EgressContext, owner: EgressOwner) {
    this.context = context;
    this.owner = owner;
  }

  /** Begins a connection; `null` when too many are open, or came too fast. */
  enter(place: Place): Passage | null {
    const leave = this.context.admission.enter(this.owner.orgId, this.admission);
    const begun = { at: new Date().toISOString(), clock: performance.now() };
    if (leave === null) {
      this.context.metrics.ended('limit', 0, 0);
      if (begun.clock - this.refusalTold < REFUSAL_LOG_MS) return null;
      this.refusalTold = begun.clock;
      this.write(place, begun, 'limit', 0, 0);
      return null;
    }
    this.context.metrics.open.inc();
    let over = false;
    return {
      end: (outcome, sent, received) => {
        if (over) return;
        over = true;
        leave();
        this.context.metrics.open.dec();
        this.context.metrics.ended(outcome, sent, received);
        this.write(place, begun, outcome, sent, received);
      },
    };
  }

  /** Throws `ConnectError`, or the reason of `signal`. */
  connect({ host, port }: Place, signal: AbortSignal): Promise<Socket> {
    const { policy, resolver } = this.context;
    return guardedConnect({ host, port, policy, resolver, signal, timeoutMs: EGRESS_CONNECT_MS });
  }

  private write(
    { host, port }: Place,
    begun: { at: string; clock: number },
    outcome: EgressOutcome,
    sent: number,
    received: number,
  ): void {
    const ms = Math.round(performance.now() - begun.clock);
    const counted = { ms, bytes_sent: sent, bytes_received: received };
    this.log.add({ host, port, at: begun.at, ...counted, outcome });
    const { id, orgId, projectId, sessionId } = this.owner;
    const whose = { channel: id, org: orgId, project: projectId, session: sessionId };
    this.context.log.info({ ...whose, host, port, ...counted, outcome }, 'connection');
  }
}
