import type { Route } from '../wire/routes.ts';
import type { Upstream } from './port.ts';

/** Whether an upstream has a route. Wires are never translated. */
export function serves(
  { families, lacks = [] }: Pick<Upstream, 'families' | 'lacks'>,
  { family, name }: Pick<Route, 'family' | 'name'>,
): boolean {
  return families.includes(family) && !lacks.includes(name);
}
