import type { WireFamily } from '@karta/protocol';
import type { ModelAccess } from '../../port.ts';

/** A model as OpenCode names it: `anthropic/claude-sonnet-4-5`. */
export interface ModelName {
  provider: string;
  model: string;
}

/** OpenCode's provider for each wire family. */
const PROVIDER_OF: Readonly<Record<WireFamily, string>> = {
  anthropic: 'anthropic',
  openai: 'openai',
};

export function parseModel(name: string): ModelName | null {
  const slash = name.indexOf('/');
  if (slash <= 0 || slash === name.length - 1) return null;
  return { provider: name.slice(0, slash), model: name.slice(slash + 1) };
}

export function formatModel({ provider, model }: ModelName): string {
  return `${provider}/${model}`;
}

/** The family that can carry `name`, `null` when none that the platform knows can. */
export function familyOf(name: string): WireFamily | null {
  const provider = parseModel(name)?.provider;
  for (const [family, known] of Object.entries(PROVIDER_OF)) {
    if (known === provider) return family as WireFamily;
  }
  return null;
}

/** An upstream serves the family of `name`. */
export function isServed(name: string, access: ModelAccess): boolean {
  const family = familyOf(name);
  return family !== null && access.families.includes(family);
}

/**
 * The model an application runs on: its own choice when it is served, else the operator's default
 * of the first family that has one. `null` when nothing is left.
 */
export function chooseModel(own: string | null, access: ModelAccess): ModelName | null {
  if (own !== null && isServed(own, access)) return parseModel(own);
  for (const family of access.families) {
    const model = access.defaults[family];
    if (model !== undefined) return { provider: PROVIDER_OF[family], model: bare(model, family) };
  }
  return null;
}

/** A default may be written with its provider. */
function bare(model: string, family: WireFamily): string {
  const prefix = `${PROVIDER_OF[family]}/`;
  return model.startsWith(prefix) ? model.slice(prefix.length) : model;
}
