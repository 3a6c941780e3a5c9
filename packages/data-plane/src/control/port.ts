import type {
  KeyMode,
  KeyProvider,
  NetworkTarget,
  ReleaseRecord,
  TokenScope,
} from '@karta/protocol';

/**
 * What the data plane asks of the system of record: who is calling, which project, which release.
 * Credentials are asked about over signed HTTP; all else is answered by what it has told this node.
 */
export interface ControlPlane {
  /**
   * The principal behind a credential, or `null`. Never throws for a bad credential. Throws
   * `KartaError`: `control_unavailable` when nobody can be asked, `org_suspended`.
   */
  authenticate(credential: string): Promise<Principal | null>;
  /** Whether a principal that was let in is refused by now. */
  refuses?(principal: Principal): boolean;
  /** Whether nothing of the org may run any more: it is suspended or deleted. */
  orgStopped?(orgId: string): boolean;
  /** Calls back after each change by which principals may be refused. */
  onRefusals?(listener: () => void): void;
  /** A project of the org by its ref. */
  project(orgId: string, ref: string): Promise<Project | null>;
  projectById(orgId: string, projectId: string): Promise<Project | null>;
  /** The project that flat sessions belong to, set by the org's first publish. */
  defaultProject(orgId: string): Promise<Project | null>;
  /**
   * Origins from which a browser may call a project of this ref, whatever its org: a CORS preflight
   * carries no credential. The call itself is held against its own project's `allowedOrigins`.
   */
  originsOf(ref: string): Promise<readonly string[]>;
  /** Origins of the control plane's own pages, on which people of orgs use staff tokens. */
  staffOrigins(): Promise<readonly string[]>;
  /** A project of the org by the label of its own host, `{ref}-{org}`. */
  projectOfHost(orgId: string, label: string): Promise<Project | null>;
  /** As `originsOf`, for a project's own host. */
  originsOfHost(label: string): Promise<readonly string[]>;
  /** A release that sessions may be pinned to. */
  release(orgId: string, releaseId: string): Promise<Release | null>;
  /** Every active release, for the pool of started sandboxes. */
  activeReleases(): Promise<Release[]>;
}

export type Scope = 'read' | 'write' | 'admin';

/** Who is calling. `staff` is somebody of the org's own people, signed in on the control plane. */
export interface Principal {
  kind: 'api_key' | 'session_token' | 'staff';
  /** Stable id of the credential, of staff that of the person; safe to log. */
  id: string;
  orgId: string;
  scopes: readonly Scope[];
  /** Session tokens only: the one project they are for. */
  projectId: string | null;
  /** Session tokens only: the end user. */
  sub: string | null;
  /** Test credentials see only what test credentials made, and run on the demo model. */
  mode: KeyMode;
  /** What a session token may do; `null` for any other. */
  token: TokenRights | null;
  /** The bounds of a staff token; absent for any other. */
  staff?: StaffRights;
}

/** The bounds of a staff token, within the principal's scopes. */
export interface StaffRights {
  /** The token's own id: it changes every five minutes, the person's does not. */
  tokenId: string;
  /** The one session that it is for. */
  sessionId: string | null;
  /** Seconds since the epoch. */
  issuedAt: number;
  expiresAt: number;
}

/** The bounds of a session token. */
export interface TokenRights {
  scopes: readonly TokenScope[];
  /** The one session that it is for. */
  sessionId: string | null;
  /** Set on each session that it creates; its holder cannot change these keys. */
  metadata: Readonly<Record<string, unknown>>;
  /** Origins that a browser may call from; `null`: those of the project. */
  origins: readonly string[] | null;
  /** The credential that minted it. */
  mintedBy: string;
  /** Seconds since the epoch. */
  issuedAt: number;
  expiresAt: number;
}

export interface Project {
  id: string;
  orgId: string;
  ref: string;
  activeReleaseId: string | null;
  /** Exact origins that a browser may call from. */
  allowedOrigins: readonly string[];
}

/** An immutable release of a project. */
export interface Release {
  id: string;
  orgId: string;
  projectId: string;
  /** `v1`, `v2`, … within the project. */
  version: string;
  /** SHA-256 of the content, hex. */
  digest: string;
  harness: { id: string; version: string };
  createdAt: Date;
  /** When it was revoked: nothing starts on it any more. */
  revokedAt?: Date | null;
  /** Whether a further session may be pinned to it, and its files are there; `kept` when absent. */
  standing?: ReleaseRecord['standing'];
  config: ReleaseConfig;
}

/** What `karta.toml` says, with the defaults filled in. */
export interface ReleaseConfig {
  memoryMb: number | null;
  cpus: number | null;
  diskMb: number | null;
  maxTurnMs: number | null;
  /** Values of `[env]` that may enter the sandbox. */
  env: Readonly<Record<string, string>>;
  /** `[model] default`, when the folder itself chooses none. */
  modelDefault: string | null;
  /** `[model] fallback`: models, with their provider, for calls whose own does not answer. */
  modelFallback: readonly string[];
  /** Providers that the org alone has keys of, and by which alone a wire is served; none when absent. */
  ownWires?: readonly KeyProvider[];
  /** Hosts that its sandboxes may reach. */
  networkAllow: readonly NetworkTarget[];
  /** Whether the model's provider may reach the network for the agent. */
  providerTools: boolean;
}
