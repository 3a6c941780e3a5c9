import type { Route } from '../wire/routes.ts';

/** Names the demo model lists. It answers to every name. */
const NAMES: Record<Route['family'], readonly string[]> = {
  anthropic: ['claude-demo'],
  openai: ['gpt-demo'],
};
const CREATED = '2026-01-01T00:00:00Z';
const CREATED_S = Date.parse(CREATED) / 1000;

function entry(family: Route['family'], id: string): object {
  return family === 'anthropic'
    ? { type: 'model', id, display_name: 'Karta demo model', created_at: CREATED }
    : { id, object: 'model', created: CREATED_S, owned_by: 'karta' };
}

/** `GET /models` of a family. */
export function modelList(family: Route['family']): object {
  const names = NAMES[family];
  const data = names.map((name) => entry(family, name));
  return family === 'anthropic'
    ? { data, has_more: false, first_id: names[0], last_id: names.at(-1) }
    : { object: 'list', data };
}

/** `GET /models/{id}`: the demo model answers to every name. */
export function oneModel({ family, path }: Route): object {
  const name = path.slice(path.indexOf('/models/') + '/models/'.length);
  return entry(family, name);
}
