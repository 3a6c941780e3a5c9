import {
  type CreateSessionBody,
  createSessionBody,
  type KartaEvent,
  type Session,
  sendMessageBody,
} from '@karta/protocol';
import pino from 'pino';
import type { ControlPlane, Principal, Project, Release, TokenRights } from '../../control/port.ts';
import { type Database, openDatabase } from '../../sql/index.ts';
import type { EngineTimes } from '../limits.ts';
import type { AcceptedTurn, Caller, EventQuery, Remember } from '../port.ts';
import { SessionEngine } from '../session-engine.ts';
import { ScriptedRunner, type Step } from './scripted-runner.ts';

export const PROJECT = project('org_a', 'shop');
export const OTHER_PROJECT = project('org_a', 'desk');
export const FOREIGN_PROJECT = project('org_b', 'shop');

/** An API key of org_a on the flat family. */
export const CALLER = apiKey('org_a', null);

export function apiKey(orgId: string, on: Project | null): Caller {
  const principal: Principal = {
    kind: 'api_key',
    id: `key_${orgId}`,
    orgId,
    scopes: ['read', 'write', 'admin'],
    projectId: null,
    sub: null,
    mode: 'live',
    token: null,
  };
  return { principal, project: on };
}

export function sessionToken(
  id: string,
  sub: string | null,
  rights: Partial<TokenRights> = {},
): Caller {
  const principal: Principal = {
    kind: 'session_token',
    id,
    orgId: PROJECT.orgId,
    scopes: ['write'],
    projectId: PROJECT.id,
    sub,
    mode: 'live',
    token: {
      scopes: ['chat'],
      sessionId: null,
      metadata: {},
      origins: null,
      mintedBy: 'key_org_a',
      issuedAt: 0,
      expiresAt: 1e10,
      ...rights,
    },
  };
  return { principal, project: PROJECT };
}

/** The engine over a scripted runner and a real database, with what tests do over and over. */
export class TestEngine {
  readonly engine: SessionEngine;
  readonly runner: ScriptedRunner;
  readonly database: Database;
  readonly logged: unknown[] = [];
  /** Orgs that are suspended or deleted. */
  readonly stoppedOrgs = new Set<string>();

  private constructor(runner: ScriptedRunner, url: string, times: Partial<EngineTimes>) {
    this.runner = runner;
    this.database = openDatabase(url, () => {});
    const log = pino({ level: 'warn' }, { write: (line) => void this.logged.push(line) });
    this.engine = new SessionEngine(
      { database: this.database, runner, control: testControl(this.stoppedOrgs), log },
      times,
    );
  }

  static notStarted(url: string): TestEngine {
    return new TestEngine(new ScriptedRunner(), url, {});
  }

  static async start(
    url: string,
    options: { runner?: ScriptedRunner; times?: Partial<EngineTimes> } = {},
  ): Promise<TestEngine> {
    const { runner = new ScriptedRunner(), times = {} } = options;
    const made = new TestEngine(runner, url, times);
    await made.engine.start();
    return made;
  }

  get service() {
    return this.engine.service;
  }

  /** The process dies: nothing it does from now on reaches the database. */
  async crash(): Promise<void> {
    await this.database.destroy();
  }

  async stop(drainMs = 0): Promise<void> {
    await this.engine.drain(drainMs);
    await this.database.destroy();
  }

  async create(body: Partial<CreateSessionBody> = {}, caller = CALLER): Promise<Session> {
    const made = await this.service.create(caller, PROJECT, createSessionBody.parse(body));
    return made.session;
  }

  send(
    sessionId: string,
    message: string | Step[] | Record<string, unknown>,
    options: { caller?: Caller; remember?: Remember<AcceptedTurn> } = {},
  ): Promise<AcceptedTurn> {
    const body =
      typeof message === 'string'
        ? { text: message }
        : Array.isArray(message)
          ? { text: JSON.stringify(message) }
          : message;
    const { caller = CALLER, remember } = options;
    return this.service.send(caller, sessionId, sendMessageBody.parse(body), remember);
  }

  follow(sessionId: string, query: Partial<EventQuery> = {}) {
    const all = { after: 0, signal: new AbortController().signal, raw: false, ...query };
    return this.service.events(CALLER, sessionId, all);
  }

  /** The events of a turn, to its done or its next pause. */
  async turn(
    sessionId: string,
    accepted: Pick<AcceptedTurn, 'turnId' | 'afterSeq'>,
    at: 'done' | 'pause' = 'done',
  ): Promise<KartaEvent[]> {
    const until = { turnId: accepted.turnId, at };
    return collect(await this.follow(sessionId, { after: accepted.afterSeq, until }));
  }

  /** Sends and waits for the end. */
  async say(sessionId: string, message: Parameters<TestEngine['send']>[1]): Promise<KartaEvent[]> {
    return this.turn(sessionId, await this.send(sessionId, message));
  }
}

export async function collect(events: AsyncIterable<KartaEvent>): Promise<KartaEvent[]> {
  const all: KartaEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

/** `text:hello`, `done:end_turn`: what a turn was, in a line that a test can read. */
export function summary(events: readonly KartaEvent[]): string[] {
  return events.map((event) => {
    switch (event.type) {
      case 'text':
      case 'reasoning':
        return `${event.type}:${event.data.part.text}`;
      case 'error':
        return `error:${event.data.code}`;
      case 'done':
        return `done:${event.data.stop_reason}`;
      case 'input_required':
        return `asks:${event.data.tool}`;
      case 'input_resolved':
        return `${event.data.decision}:${event.data.by}`;
      case 'system':
        return `system:${event.data.kind}`;
      default:
        return event.type;
    }
  });
}

function project(orgId: string, ref: string): Project {
  const id = `proj_${orgId}_${ref}`;
  return { id, orgId, ref, activeReleaseId: `rel_${id}`, allowedOrigins: [] };
}

function testControl(stoppedOrgs: ReadonlySet<string>): ControlPlane {
  const projects = [PROJECT, OTHER_PROJECT, FOREIGN_PROJECT];
  return {
    authenticate: async () => null,
    project: async () => null,
    projectById: async () => null,
    defaultProject: async () => null,
    orgStopped: (orgId) => stoppedOrgs.has(orgId),
    staffOrigins: async () => [],
    originsOf: async () => [],
    projectOfHost: async () => null,
    originsOfHost: async () => [],
    activeReleases: async () => [],
    release: async (orgId, releaseId) => {
      const of = projects.find((known) => known.orgId === orgId && releaseId === `rel_${known.id}`);
      return of === undefined ? null : releaseOf(of);
    },
  };
}

function releaseOf(of: Project): Release {
  return {
    id: `rel_${of.id}`,
    orgId: of.orgId,
    projectId: of.id,
    version: 'v3',
    digest: 'a'.repeat(64),
    harness: { id: 'opencode', version: '1' },
    createdAt: new Date(0),
    config: {
      memoryMb: null,
      cpus: null,
      diskMb: null,
      maxTurnMs: null,
      env: {},
      modelDefault: null,
      modelFallback: [],
      networkAllow: [],
      providerTools: false,
    },
  };
}
