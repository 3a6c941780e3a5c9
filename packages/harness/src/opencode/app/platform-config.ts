import type { HarnessSetup, ModelAccess } from '../../port.ts';
import { CONFIG_ENV } from '../server/environment.ts';
import { chooseModel, formatModel, isServed, type ModelName } from './model-choice.ts';
import { type AppReading, readApp } from './read-app.ts';

/** A provider that stops sending in the middle of an answer is given up after this. */
export const MODEL_STALL_MS = 120_000;

export interface PlatformOptions {
  /** Milliseconds without a byte of an answer after which a model call is given up. */
  modelStallMs: number;
}

/** Ids that OpenCode's own catalogue has, with their limits. */
const CATALOGUED = /^(claude|gpt|o\d|chatgpt|codex)/;
/**
 * Limits of other models: what all current ones of both families bear. Without them OpenCode does
 * not compact a long conversation.
 */
const UNKNOWN_LIMIT = { context: 200_000, output: 32_000 };

/**
 * The platform's configuration, for the layer that OpenCode puts above all others. Merged key by key
 * over the folder's own: what is named here cannot be changed by the folder, everything else stays
 * as the folder has it.
 */
export function platformConfig(
  setup: HarnessSetup,
  options: PlatformOptions,
): Record<string, unknown> {
  const { model: access } = setup;
  const app = readApp(setup.app);
  const chosen = chooseModel(app.model?.name ?? null, access);
  return {
    $schema: 'https://opencode.ai/config.json',
    autoupdate: false,
    share: 'disabled',
    autoshare: false,
    server: { mdns: false },
    enabled_providers: ['anthropic', 'openai'],
    disabled_providers: [],
    ...(chosen === null ? {} : { model: formatModel(chosen), ...smallModel(app, access, chosen) }),
    provider: {
      anthropic: provider(
        '@ai-sdk/anthropic',
        CONFIG_ENV.anthropicUrl,
        options,
        chosen,
        'anthropic',
      ),
      openai: provider('@ai-sdk/openai', CONFIG_ENV.openaiUrl, options, chosen, 'openai'),
    },
    ...agentModels(app, access, chosen),
    // An application with one agent of its own is that agent.
    ...(app.soleAgent === null ? {} : { default_agent: app.soleAgent }),
    // A denied tool call is an answer that the agent works with, not the end of its turn.
    experimental: { continue_loop_on_deny: true },
  };
}

function provider(
  npm: string,
  url: string,
  options: PlatformOptions,
  chosen: ModelName | null,
  id: string,
): Record<string, unknown> {
  return {
    npm,
    // A list of the folder would otherwise hide the very model that it is given.
    blacklist: [],
    options: {
      baseURL: `{env:${url}}`,
      apiKey: `{env:${CONFIG_ENV.credential}}`,
      chunkTimeout: options.modelStallMs,
    },
    ...(chosen?.provider === id ? { models: { [chosen.model]: modelEntry(chosen, npm) } } : {}),
  };
}

function modelEntry({ model }: ModelName, npm: string): Record<string, unknown> {
  const known = CATALOGUED.test(model);
  return { provider: { npm }, ...(known ? {} : { name: model, limit: UNKNOWN_LIMIT }) };
}

/** The folder's model for small tasks is kept when it is served. */
function smallModel(
  app: AppReading,
  access: ModelAccess,
  chosen: ModelName,
): Record<string, unknown> {
  const own = app.smallModel?.name;
  return { small_model: own !== undefined && isServed(own, access) ? own : formatModel(chosen) };
}

/** Agents that name a model which nobody serves run on the application's. */
function agentModels(
  app: AppReading,
  access: ModelAccess,
  chosen: ModelName | null,
): Record<string, unknown> {
  if (chosen === null) return {};
  const agents = app.agents
    .filter(({ model }) => model !== null && !isServed(model.name, access))
    .map(({ name }) => [name, { model: formatModel(chosen) }] as const);
  return agents.length === 0 ? {} : { agent: Object.fromEntries(agents) };
}
