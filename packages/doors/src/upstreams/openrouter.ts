import { openaiUpstream } from './openai.ts';
import type { Upstream } from './port.ts';
import type { ProviderOptions } from './provider.ts';

/** Names that OpenAI gives its own models. */
const OF_OPENAI = /^(gpt|chatgpt|o\d|codex)(-|$)/;
const OF_ANTHROPIC = /^claude-/;
/** The day of a snapshot, which OpenRouter does not name. */
const SNAPSHOT = /-20\d{6}$/;
/** A version at the end of a name, as Anthropic writes it. */
const VERSION = /-(\d)-(\d)$/;

/** OpenRouter: OpenAI's wires, Chat Completions and Responses, for the models of many makers. */
export function openrouterUpstream(
  options: Pick<ProviderOptions, 'baseUrl' | 'connect'>,
): Upstream {
  return { ...openaiUpstream({ ...options, id: 'openrouter' }), nameOf: openrouterName };
}

/** A model as OpenRouter names it, with its maker: `gpt-5` is `openai/gpt-5` there. */
export function openrouterName(model: string): string {
  if (model.includes('/')) return model;
  if (OF_OPENAI.test(model)) return `openai/${model}`;
  if (!OF_ANTHROPIC.test(model)) return model;
  return `anthropic/${model.replace(SNAPSHOT, '').replace(VERSION, '-$1.$2')}`;
}
