import type { HarnessSetup, ModelAccess } from '../../port.ts';
import { CONFIG_ENV } from '../server/environment.ts';
import {
  chooseModel,
  formatModel,
  isServed,
  type ModelName,
  parseModel,
  placed,
} from './model-choice.ts';
import { namedProviders, UNKNOWN_LIMIT } from './named-providers.ts';
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
  const small = chosen === null ? null : smallModel(app, access, chosen);
  const agents = chosen === null ? new Map<string, ModelName>() : agentModels(app, access, chosen);
  const used = [chosen, small, ...agents.values()].filter((name) => name !== null);
  const named = namedProviders(used, options.modelStallMs);
  return {
    $schema: 'https://opencode.ai/config.json',
    autoupdate: false,
    share: 'disabled',
    autoshare: false,
    server: { mdns: false },
    enabled_providers: ['anthropic', 'openai', ...Object.keys(named)],
    disabled_providers: [],
    ...(chosen === null ? {} : { model: formatModel(chosen) }),
    ...(small === null ? {} : { small_model: formatModel(small) }),
    provider: {
      anthropic: provider(
        '@ai-sdk/anthropic',
        CONFIG_ENV.anthropicUrl,
        options,
        chosen,
        'anthropic',
      ),
      openai: provider('@ai-sdk/openai', CONFIG_ENV.openaiUrl, options, chosen, 'openai'),
      ...named,
    },
    ...agentSettings(agents, app),
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

/** Without limits OpenCode does not compact a long conversation. */
function modelEntry({ model }: ModelName, npm: string): Record<string, unknown> {
  const known = CATALOGUED.test(model);
  return { provider: { npm }, ...(known ? {} : { name: model, limit: UNKNOWN_LIMIT }) };
}

/** The folder's model for small tasks is kept when it is served. */
function smallModel(app: AppReading, access: ModelAccess, chosen: ModelName): ModelName {
  return servedModel(app.smallModel?.name, access) ?? chosen;
}

/** The model of each agent that names one; the application's where nobody serves that. */
function agentModels(
  app: AppReading,
  access: ModelAccess,
  chosen: ModelName,
): Map<string, ModelName> {
  return new Map(
    app.agents.flatMap(({ name, model }) =>
      model === null ? [] : [[name, servedModel(model.name, access) ?? chosen] as const],
    ),
  );
}

function servedModel(name: string | undefined, access: ModelAccess): ModelName | null {
  const parsed = name !== undefined && isServed(name, access) ? parseModel(name) : null;
  return parsed === null ? null : placed(parsed, access);
}

/** What is other than the folder says itself. */
function agentSettings(
  models: ReadonlyMap<string, ModelName>,
  app: AppReading,
): Record<string, unknown> {
  const changed = app.agents.flatMap(({ name, model: own }) => {
    const model = models.get(name);
    if (model === undefined || formatModel(model) === own?.name) return [];
    return [[name, { model: formatModel(model) }] as const];
  });
  return changed.length === 0 ? {} : { agent: Object.fromEntries(changed) };
}
