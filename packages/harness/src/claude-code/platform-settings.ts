/** Days that a conversation's file is kept: the platform destroys volumes, nothing else does. */
const KEEP_DAYS = 36_500;

/**
 * Switches that the adapter depends on. They are in the process's environment and again in the
 * settings, since a folder's own `env` beats the environment of the process.
 */
const SWITCHES = {
  // A folder's choice of endpoint, credential helper, cloud provider, proxy and the like is ignored.
  CLAUDE_CODE_PROVIDER_MANAGED_BY_HOST: '1',
  CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  DISABLE_TELEMETRY: '1',
  DISABLE_ERROR_REPORTING: '1',
  DISABLE_AUTOUPDATER: '1',
  // A conversation outlives a kill at any moment.
  CLAUDE_CODE_EAGER_FLUSH: '1',
  CLAUDE_CODE_SKIP_PROMPT_HISTORY: '',
  // The turn ends by these.
  CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS: '1',
  // Two retries take some 3 s; the default of ten took minutes.
  CLAUDE_CODE_MAX_RETRIES: '2',
  // A schedule would call the model when no turn runs.
  CLAUDE_CODE_DISABLE_CRON: '1',
  // Runs Bash in a sandbox of its own, which fails inside ours.
  CLAUDE_CODE_SUBPROCESS_ENV_SCRUB: '',
  // A stream that stalls is told as an error; asking again without a stream would double its cost.
  CLAUDE_ENABLE_STREAM_WATCHDOG: '1',
  CLAUDE_ENABLE_BYTE_WATCHDOG: '1',
  CLAUDE_CODE_DISABLE_NONSTREAMING_FALLBACK: '1',
};

/** A model that says nothing for this long has failed: providers send a sign of life before. */
export const MODEL_STALL_MS = 120_000;

/** Tools that would act after their turn has ended. */
export const DISALLOWED_TOOLS = [
  'CronCreate',
  'CronDelete',
  'CronList',
  'ScheduleWakeup',
  'EnterWorktree',
  'ExitWorktree',
] as const;

export interface PlatformSettings {
  cleanupPeriodDays: number;
  sandbox: { enabled: boolean };
  env: Record<string, string>;
}

/** What stands above the folder's own settings. */
export function platformSettings(modelStallMs: number): PlatformSettings {
  const stall = String(modelStallMs);
  return {
    cleanupPeriodDays: KEEP_DAYS,
    // Claude Code's own sandbox needs rights that ours takes away: every Bash call would fail.
    sandbox: { enabled: false },
    env: {
      ...SWITCHES,
      CLAUDE_STREAM_IDLE_TIMEOUT_MS: stall,
      CLAUDE_STREAM_FIRST_BYTE_TIMEOUT_MS: stall,
      CLAUDE_BYTE_STREAM_IDLE_TIMEOUT_MS: stall,
    },
  };
}

export interface EnvironmentParts {
  home: string;
  config: string;
  baseUrl: string;
  credential: string;
  /** The application's own variables; they win over nothing of ours. */
  extra: Readonly<Record<string, string>>;
  switches: Readonly<Record<string, string>>;
}

/** The whole environment of the process. */
export function environmentOf(parts: EnvironmentParts): Record<string, string> {
  const switches = Object.entries(parts.switches).filter(([, value]) => value !== '');
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    ...parts.extra,
    HOME: parts.home,
    CLAUDE_CONFIG_DIR: parts.config,
    ANTHROPIC_BASE_URL: parts.baseUrl,
    ANTHROPIC_API_KEY: parts.credential,
    ...Object.fromEntries(switches),
  };
}
