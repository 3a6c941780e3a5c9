import { type ChannelOrder, NO_PAYER, type TurnPayer } from '@karta/protocol';
import { TurnLedger } from '../metering/turn-ledger.ts';
import { newCredential, Secret } from './credential.ts';
import type { BodyBudget } from './read-body.ts';

/** On whose account a turn's calls are made. */
export interface TurnSpending {
  /** Opens the org's budgets and keys at the control plane; `null`: no credential of it was met. */
  orgGrant: string | null;
  payer: TurnPayer;
}

/** One sandbox's way to the model: who it is for, its credential, its books. */
export class Channel {
  readonly id: string;
  readonly orgId: string;
  readonly projectId: string;
  readonly credential: Secret;
  /** Whether its requests may have the provider reach the network. */
  readonly providerTools: boolean;
  /** Models, with their provider, for calls whose own upstream does not answer. */
  readonly fallback: readonly string[];
  readonly ledger = new TurnLedger();
  /** Request bodies held in memory. */
  readonly bodies: BodyBudget = { bytes: 0 };
  /** Calls that run. */
  calls = 0;
  /** Of the latest turn: what calls are made under, also between turns. */
  private latest: TurnSpending = { orgGrant: null, payer: NO_PAYER };
  private session: string | null;
  private onDemo: boolean;
  private live: boolean;

  /** The credential itself is told once, to whoever opens the channel. */
  static open(body: ChannelOrder): { channel: Channel; credential: string } {
    const credential = newCredential();
    return { channel: new Channel(body, new Secret(credential)), credential };
  }

  private constructor(body: ChannelOrder, credential: Secret) {
    this.id = body.channel_id;
    this.orgId = body.org_id;
    this.projectId = body.project_id;
    this.credential = credential;
    this.providerTools = body.provider_tools;
    this.fallback = body.fallback;
    this.session = body.session_id;
    this.onDemo = body.demo;
    this.live = body.mode === 'live';
  }

  get parked(): boolean {
    return !this.live;
  }

  get sessionId(): string | null {
    return this.session;
  }

  /** Whether the demo model answers every call: the session is a test. */
  get demo(): boolean {
    return this.onDemo;
  }

  get spending(): TurnSpending {
    return this.latest;
  }

  /** Calls that begin from now on belong to this turn. */
  openTurn(turnId: string, spending: TurnSpending): void {
    this.latest = spending;
    this.ledger.open(turnId);
  }

  /** The channel belongs to a session from now on. False when it belongs to another. */
  claim(sessionId: string, demo: boolean): boolean {
    if (this.live && this.session !== sessionId) return false;
    this.session = sessionId;
    this.onDemo = demo;
    this.live = true;
    return true;
  }
}
