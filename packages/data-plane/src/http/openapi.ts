import { OpenAPIHono } from '@hono/zod-openapi';
import { z } from 'zod';
import { type BoundRoute, FAMILY_PREFIX, type Family } from './route.ts';
import { health, NAMED_SCHEMAS } from './schemas.ts';

/** Header parameters that every operation of a method takes. */
const IDEMPOTENCY_KEY = z.string().max(255).optional().meta({
  description: 'Repeat a request safely: within 24 hours the same key does it once.',
});

const ERROR_ANSWER = 'A problem document (RFC 9457); "error" is a stable code';

/**
 * The OpenAPI 3.1 document of the public surface, derived from the very schemas that requests are
 * validated with. Internal routes are not among `routes`.
 */
export function openApiDocument(routes: readonly BoundRoute[], version: string): unknown {
  const app = new OpenAPIHono();
  const registry = app.openAPIRegistry;
  const named = new Map<z.ZodType, z.ZodType>();
  for (const [name, schema] of Object.entries(NAMED_SCHEMAS)) {
    named.set(schema, registry.register(name, schema));
  }
  const reference = (content: Readonly<Record<string, z.ZodType>>) =>
    Object.fromEntries(
      Object.entries(content).map(([type, schema]) => [
        type,
        { schema: named.get(schema) ?? schema },
      ]),
    );
  const problem = { 'application/problem+json': NAMED_SCHEMAS.Problem as z.ZodType };

  registry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  registry.registerComponent('securitySchemes', 'apiKey', {
    type: 'apiKey',
    in: 'header',
    name: 'x-api-key',
  });
  for (const route of routes) {
    for (const family of route.families) {
      const body = (family === 'project' ? route.projectBody : undefined) ?? route.body;
      registry.registerPath({
        operationId: operationId(route, family),
        summary: route.summary,
        tags: [family === 'flat' ? 'flat' : 'project'],
        method: route.method,
        path: FAMILY_PREFIX[family] + route.path,
        security: [{ bearer: [] }, { apiKey: [] }],
        request: {
          ...parametersOf(route, family),
          ...(body ? { body: { content: { 'application/json': { schema: body } } } } : {}),
          ...(route.takesBytes ? { body: { content: BYTES } } : {}),
        },
        responses: {
          ...Object.fromEntries(
            Object.entries(route.answers).map(([status, answer]) => [
              status,
              {
                description: answer.description,
                ...(answer.content ? { content: reference(answer.content) } : {}),
              },
            ]),
          ),
          default: { description: ERROR_ANSWER, content: reference(problem) },
        },
      });
    }
  }
  for (const path of ['/healthz', '/readyz']) {
    registry.registerPath({
      operationId: path.slice(1),
      summary: path === '/healthz' ? 'The process answers' : 'The server takes work',
      tags: ['server'],
      method: 'get',
      path,
      security: [],
      responses: {
        200: { description: 'Yes', content: reference({ 'application/json': health }) },
      },
    });
  }
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Karta',
      version,
      description: 'Sessions with the agents of a harness application.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    servers: [{ url: '/' }],
  });
}

const BYTES = {
  'application/octet-stream': { schema: z.string().meta({ format: 'binary' }) },
};

/** `createSession` on the flat family, `createProjectSession` on the other. */
function operationId(route: BoundRoute, family: Family): string {
  if (family === 'flat' || route.families.length === 1) return route.id;
  return `project${route.id[0]?.toUpperCase() ?? ''}${route.id.slice(1)}`;
}

function parametersOf(route: BoundRoute, family: Family) {
  const names = [...(FAMILY_PREFIX[family] + route.path).matchAll(/\{(\w+)\}/g)].map(
    (match) => match[1] ?? '',
  );
  const params = z.object(Object.fromEntries(names.map((name) => [name, z.string()])));
  return {
    ...(names.length > 0 ? { params } : {}),
    ...(route.query instanceof z.ZodObject ? { query: route.query } : {}),
    ...(route.method === 'post' && route.body
      ? { headers: z.object({ 'idempotency-key': IDEMPOTENCY_KEY }) }
      : {}),
  };
}
