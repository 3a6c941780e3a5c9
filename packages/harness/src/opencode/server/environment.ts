import { CHANNEL_PATHS } from '@karta/protocol';
import type { Sandbox } from '@karta/sandbox';

/** Names of the sandbox's ports. */
export const LISTEN = 'harness';

/** Where things are inside; drivers without mounts place them elsewhere. */
export const INSIDE = {
  workspace: '/workspace',
  home: '/home/agent',
  binary: '/opt/karta/opencode',
  managed: '/etc/opencode',
  managedFile: '/etc/opencode/opencode.json',
  /** The models that a session can use, in place of OpenCode's whole catalogue. */
  catalogue: '/opt/karta/opencode-models.json',
  /** Stands for `~/.config`: read-only, so that nothing in it outlives a start. */
  config: '/opt/karta/opencode-config',
  /** Stands for `~` where OpenCode looks for rules of the user: it does not exist. */
  noHome: '/opt/karta/opencode-home',
} as const;

/** Variables that the platform's configuration file refers to. */
export const CONFIG_ENV = {
  anthropicUrl: 'KARTA_ANTHROPIC_URL',
  openaiUrl: 'KARTA_OPENAI_URL',
  credential: 'KARTA_MODEL_CREDENTIAL',
} as const;

export interface EnvironmentOptions {
  sandbox: Sandbox;
  /** Name of the offer that leads to the model. */
  offer: string;
  credential: string;
  password: string;
  /** The release's own variables. */
  env: Readonly<Record<string, string>>;
  /** The platform's configuration, as JSON. */
  config: string;
}

/**
 * The whole environment of the server. Ours comes last: a release's variables cannot change where
 * OpenCode looks for its configuration or its model. Nothing in it is a secret of the platform; the
 * shell tool sees all of it.
 */
export function environmentOf(options: EnvironmentOptions): Record<string, string> {
  const { sandbox } = options;
  const home = sandbox.place(INSIDE.home);
  const model = `http://127.0.0.1:${sandbox.loopback(options.offer)}`;
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    LANG: 'C.UTF-8',
    ...options.env,
    HOME: home,
    XDG_DATA_HOME: `${home}/.local/share`,
    XDG_STATE_HOME: `${home}/.local/state`,
    XDG_CACHE_HOME: `${home}/.cache`,
    [CONFIG_ENV.anthropicUrl]: `${model}${CHANNEL_PATHS.anthropic}/v1`,
    [CONFIG_ENV.openaiUrl]: `${model}${CHANNEL_PATHS.openai}`,
    [CONFIG_ENV.credential]: options.credential,
    ...configuration(options),
    // Rules that the agent wrote into its home (`~/.opencode`, `~/.claude`) do not count.
    OPENCODE_TEST_HOME: INSIDE.noHome,
    // Nor do logins: a stored one may name a server to take configuration from.
    OPENCODE_AUTH_CONTENT: '{}',
    OPENCODE_SERVER_PASSWORD: options.password,
    OPENCODE_SERVER_USERNAME: 'opencode',
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    // Its own holds 225 providers, which cost a start as much as the rest of its configuration.
    OPENCODE_MODELS_PATH: sandbox.place(INSIDE.catalogue),
    OPENCODE_DISABLE_AUTOUPDATE: '1',
    OPENCODE_DISABLE_LSP_DOWNLOAD: '1',
    OPENCODE_DISABLE_DEFAULT_PLUGINS: '1',
    OPENCODE_DISABLE_SHARE: '1',
    OPENCODE_DISABLE_EMBEDDED_WEB_UI: '1',
    // Without it OpenCode installs its plugin package at every start.
    npm_config_offline: 'true',
  };
}

/**
 * Where the platform's configuration stands. The managed folder is OpenCode's highest layer, above
 * the folder's and the agent's own files. Without mounts nothing can be put there; the variable that
 * then carries it is above the folder's files all the same.
 */
function configuration({ sandbox, config }: EnvironmentOptions): Record<string, string> {
  if (sandbox.place(INSIDE.managedFile) === INSIDE.managedFile) {
    return {
      OPENCODE_TEST_MANAGED_CONFIG_DIR: INSIDE.managed,
      XDG_CONFIG_HOME: INSIDE.config,
    };
  }
  return {
    OPENCODE_CONFIG_CONTENT: config,
    // A managed configuration of the host's own OpenCode is not meant.
    OPENCODE_TEST_MANAGED_CONFIG_DIR: INSIDE.noHome,
    XDG_CONFIG_HOME: `${sandbox.place('/tmp')}/opencode-config`,
  };
}
