import { CHANNEL_PATHS, type WireFamily } from '@karta/protocol';

/** What a model endpoint of a family does. Everything else a provider offers is out of reach. */
export type RouteName = 'messages' | 'count_tokens' | 'chat' | 'responses' | 'models' | 'model';

export interface Route {
  family: WireFamily;
  name: RouteName;
  /** Path below the family's base URL, such as `/v1/messages`. */
  path: string;
  /** The query that may be passed on, with its `?`, or empty. */
  query: string;
  /** Whether a provider bills calls of this route. */
  billed: boolean;
}

interface Known {
  method: 'GET' | 'POST';
  family: WireFamily;
  path: string;
  name: RouteName;
}

const KNOWN: readonly Known[] = [
  { method: 'POST', family: 'anthropic', path: '/v1/messages', name: 'messages' },
  { method: 'POST', family: 'anthropic', path: '/v1/messages/count_tokens', name: 'count_tokens' },
  { method: 'GET', family: 'anthropic', path: '/v1/models', name: 'models' },
  { method: 'POST', family: 'openai', path: '/chat/completions', name: 'chat' },
  { method: 'POST', family: 'openai', path: '/responses', name: 'responses' },
  { method: 'GET', family: 'openai', path: '/models', name: 'models' },
];

const MODEL_PREFIX: Record<WireFamily, string> = { anthropic: '/v1/models/', openai: '/models/' };
const MODEL_NAME = /^[\w.:@/-]{1,200}$/;
/** Query parameters that providers know on these routes. */
const QUERY = new Set(['beta', 'limit', 'after_id', 'before_id']);

/** The family whose envelope an answer to `url` should have, known or not. */
export function familyOf(url: string): WireFamily {
  return url.startsWith(CHANNEL_PATHS.openai) ? 'openai' : 'anthropic';
}

/** The route that a request on a channel means, or `null` when there is none. */
export function routeOf(method: string, url: string): Route | null {
  const mark = url.indexOf('?');
  const pathname = mark === -1 ? url : url.slice(0, mark);
  const family = familyOf(url);
  const base = CHANNEL_PATHS[family];
  if (!pathname.startsWith(`${base}/`)) return null;
  const path = pathname.slice(base.length);
  const query = mark === -1 ? '' : allowedQuery(url.slice(mark + 1));
  for (const known of KNOWN) {
    if (known.family === family && known.method === method && known.path === path) {
      const billed = ['messages', 'chat', 'responses'].includes(known.name);
      return { family, name: known.name, path, query, billed };
    }
  }
  const prefix = MODEL_PREFIX[family];
  if (method === 'GET' && path.startsWith(prefix) && isModelName(path.slice(prefix.length))) {
    return { family, name: 'model', path, query, billed: false };
  }
  return null;
}

/** A path with dots could climb out of the models below an operator's base URL. */
function isModelName(name: string): boolean {
  return MODEL_NAME.test(name) && !name.split('/').some((part) => /^\.*$/.test(part));
}

function allowedQuery(query: string): string {
  const kept = new URLSearchParams();
  for (const [key, value] of new URLSearchParams(query)) {
    if (QUERY.has(key)) kept.append(key, value);
  }
  const text = kept.toString();
  return text === '' ? '' : `?${text}`;
}
