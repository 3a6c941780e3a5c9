import { claudeName } from '../claude-names.ts';

/** `claude-…@version` */
const VERTEX_NAME = /^claude-[a-z0-9-]+@[a-z0-9]{1,16}$/;
/** How a model is named whose price is that of a region's endpoint. */
const REGIONAL = 'regional/';

/** How Vertex names a Claude model in its addresses; `null` for what is none. */
export function vertexModel(model: string): string | null {
  const plain = model.startsWith(REGIONAL) ? model.slice(REGIONAL.length) : model;
  if (VERTEX_NAME.test(plain)) return plain;
  const claude = claudeName(plain);
  if (claude === null) return null;
  return claude.date === null ? claude.name : `${claude.name}@${claude.date}`;
}

/** How it is priced and booked: any endpoint but the global one costs more. */
export function pricedVertexModel(model: string, location: string): string {
  const named = vertexModel(model);
  if (named === null) return model;
  return location === 'global' ? named : `${REGIONAL}${named}`;
}
