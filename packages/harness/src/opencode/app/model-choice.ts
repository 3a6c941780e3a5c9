import { type KeyProvider, PROVIDER_FAMILY, type WireFamily } from '@karta/protocol';
import type { ModelAccess } from '../../port.ts';

/** A model as OpenCode names it: `anthropic/claude-sonnet-4-5`. */
export interface ModelName {
  provider: string;
  model: string;
}

export function parseModel(name: string): ModelName | null {
  const slash = name.indexOf('/');
  if (slash <= 0 || slash === name.length - 1) return null;
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

export function formatModel({ provider, model }: ModelName): string {
  return `${provider}/${model}`;
}

/**
 * The family that can carry `name`, `null` when none that the platform knows can. A family's own
 * name stands for whoever serves it, any other provider for itself.
 */
export function familyOf(name: string): WireFamily | null {
  const provider = parseModel(name)?.provider ?? '';
  return Object.hasOwn(PROVIDER_FAMILY, provider) ? PROVIDER_FAMILY[provider as KeyProvider] : null;
}

/** An upstream serves the family of `name`. */
export function isServed(name: string, access: ModelAccess): boolean {
  const family = familyOf(name);
  return family !== null && access.families.includes(family);
}

/**
 * A served model under the provider that OpenCode must use for it: it speaks Responses to OpenAI,
 * so where nobody has that it is told of the provider that serves Chat Completions.
 */
export function placed({ provider, model }: ModelName, access: ModelAccess): ModelName {
  return { provider: provider === 'openai' ? (access.chatProvider ?? provider) : provider, model };
}

/**
 * The model an application runs on: its own choice when it is served, else the operator's default
 * of the first family that has one. `null` when nothing is left.
 */
export function chooseModel(own: string | null, access: ModelAccess): ModelName | null {
  const named = own !== null && isServed(own, access) ? parseModel(own) : null;
  if (named !== null) return placed(named, access);
  for (const family of access.families) {
    const model = access.defaults[family];
    if (model !== undefined) return placed(defaultOf(family, model), access);
  }
  return null;
}

/** A default may be written with its provider. */
function defaultOf(family: WireFamily, name: string): ModelName {
  const named = familyOf(name) === family ? parseModel(name) : null;
  return named ?? { provider: family, model: name };
}
