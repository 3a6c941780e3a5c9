/** Claude models that Anthropic's API knows by a shorter name too, with the names that they have. */
const DATED: Readonly<Record<string, string>> = {
  'claude-opus-4-5': 'claude-opus-4-5-20251101',
  'claude-haiku-4-5': 'claude-haiku-4-5-20251001',
  'claude-sonnet-4-5': 'claude-sonnet-4-5-20250929',
  'claude-opus-4-1': 'claude-opus-4-1-20250805',
  'claude-sonnet-4-0': 'claude-sonnet-4-20250514',
  'claude-opus-4-0': 'claude-opus-4-20250514',
};
const ANTHROPIC_NAME = /^(claude-[a-z0-9-]+?)(?:-(20\d{6}))?$/;

/** A model's name as Anthropic forms it: models have a date in it up to Claude 4.5. */
export interface ClaudeName {
  /** `claude-sonnet-4-5` */
  name: string;
  /** `20250929`; `null`: the model has none. */
  date: string | null;
}

/** Reads `claude-…`, short names too; `null` for what is no name of Anthropic's. */
export function claudeName(model: string): ClaudeName | null {
  const [, name, date] = ANTHROPIC_NAME.exec(DATED[model] ?? model) ?? [];
  return name === undefined ? null : { name, date: date ?? null };
}
