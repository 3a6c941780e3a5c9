import type { TopLevelMember } from './top-level.ts';

/**
 * Members by which a provider would serve a call at another price than the one that the price book
 * has for its model, with the values that leave it at that. A call with any other value is refused:
 * what it costs could not be told, and no cap would hold.
 */
const AT_LIST_PRICE: Readonly<Record<string, readonly unknown[]>> = {
  service_tier: ['auto', 'default', 'standard', 'standard_only'],
  /** Anthropic's fast mode. */
  speed: ['standard'],
  /** Anthropic in one country. */
  inference_geo: ['global'],
  /** Other models to fall back to, by OpenRouter. */
  models: [],
  /** Tools of OpenRouter's own. */
  plugins: [],
};

type Json = Record<string, unknown>;

/** Why an OpenAI request would not be served at list price; `null` when it would. */
export function openaiSurcharge(request: Json): string | null {
  for (const [name, value] of Object.entries(request)) {
    if (!isPlain(name, value)) return why(name);
  }
  return null;
}

/** The same of an Anthropic body, of which only the members in question are parsed. */
export function anthropicSurcharge(
  body: Buffer,
  members: readonly TopLevelMember[],
): string | null {
  for (const { name, start, end } of members) {
    if (name === null || !Object.hasOwn(AT_LIST_PRICE, name)) continue;
    let value: unknown;
    try {
      value = JSON.parse(body.toString('utf8', start, end));
    } catch {
      // No provider reads a body that is not JSON either.
      continue;
    }
    if (!isPlain(name, value)) return why(name);
  }
  return null;
}

function isPlain(name: string, value: unknown): boolean {
  if (!Object.hasOwn(AT_LIST_PRICE, name) || value === null || value === undefined) return true;
  if (Array.isArray(value) && value.length === 0) return true;
  return AT_LIST_PRICE[name]?.includes(value) === true;
}

function why(name: string): string {
  return `${name} is not available here: such calls cost otherwise than the model's list price.`;
}
