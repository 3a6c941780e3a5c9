import { type JsonSchema, type Operation, openApiDocument } from '@karta/http';
import { type BoundRoute, FAMILY_PREFIX, type Family } from './route.ts';
import { NAMED_SCHEMAS } from './schemas.ts';

/** The version that `/openapi.json` states: that of the public surface. */
const API_VERSION = '1.0.0';

/** The OpenAPI document of the data plane's public surface: each route once per family. */
export function dataPlaneDocument(routes: readonly BoundRoute[]): JsonSchema {
  const operations = routes.flatMap((route) =>
    route.families.map((family) => operation(route, family)),
  );
  return openApiDocument(operations, {
    title: 'Karta',
    version: API_VERSION,
    description: 'Sessions with the agents of a harness application.',
    named: NAMED_SCHEMAS,
  });
}

function operation(route: BoundRoute, family: Family): Operation {
  return {
    id: operationId(route, family),
    summary: route.summary,
    tag: family,
    method: route.method,
    path: FAMILY_PREFIX[family] + route.path,
    body: (family === 'project' ? route.projectBody : undefined) ?? route.body,
    bytes: route.takesBytes ? 'application/octet-stream' : undefined,
    query: route.query,
    parameters: route.parameters,
    answers: route.answers,
  };
}

/** `createSession` on the flat family, `projectCreateSession` on the other. */
function operationId(route: BoundRoute, family: Family): string {
  if (family === 'flat' || route.families.length === 1) return route.id;
  return `project${route.id[0]?.toUpperCase() ?? ''}${route.id.slice(1)}`;
}
