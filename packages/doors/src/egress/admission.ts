import {
  CHANNEL_EGRESS,
  EGRESS_BURST,
  EGRESS_PER_SECOND,
  ORG_EGRESS,
  PROCESS_EGRESS,
} from './limits.ts';

/** Counts the connections of the process and of each org, so that none can take all there are. */
export class EgressAdmission {
  private all = 0;
  private readonly orgs = new Map<string, number>();

  /** Room for one more connection of a sandbox. `null`: there is none; else call it to give it back. */
  enter(orgId: string, channel: ChannelAdmission): (() => void) | null {
    const ofOrg = this.orgs.get(orgId) ?? 0;
    if (!channel.mayOpen() || ofOrg >= ORG_EGRESS || this.all >= PROCESS_EGRESS) return null;
    this.all += 1;
    this.orgs.set(orgId, ofOrg + 1);
    channel.open += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.all -= 1;
      channel.open -= 1;
      const rest = (this.orgs.get(orgId) ?? 1) - 1;
      if (rest === 0) this.orgs.delete(orgId);
      else this.orgs.set(orgId, rest);
    };
  }
}

/** The share of one sandbox: how many at once, and how fast new ones may come. */
export class ChannelAdmission {
  open = 0;
  private allowance = EGRESS_BURST;
  private filledAt: number;
  private readonly now: () => number;

  /** `now` tells milliseconds that never go back. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
    this.filledAt = now();
  }

  /** Takes one new connection from the allowance. */
  mayOpen(): boolean {
    if (this.open >= CHANNEL_EGRESS) return false;
    const now = this.now();
    const gained = ((now - this.filledAt) / 1000) * EGRESS_PER_SECOND;
    this.allowance = Math.min(EGRESS_BURST, this.allowance + gained);
    this.filledAt = now;
    if (this.allowance < 1) return false;
    this.allowance -= 1;
    return true;
  }
}
