import { z } from 'zod';
import { type JsonSchema, SchemaWriter } from './json-schema.ts';
import { type AnswerSpec, type BoundRoute, FAMILY_PREFIX, type Family } from './route.ts';
import { health, NAMED_SCHEMAS, problem } from './schemas.ts';

const ERROR_ANSWER = 'A problem document (RFC 9457); its "error" is a stable code';

const IDEMPOTENCY_KEY = {
  name: 'idempotency-key',
  in: 'header',
  required: false,
  description: 'Repeats within 24 hours under the same key do it once',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/**
 * The OpenAPI 3.1 document of the public surface, derived from the very schemas that requests are
 * validated with, once per family.
 */
export function openApiDocument(routes: readonly BoundRoute[], version: string): JsonSchema {
  const schemas = new SchemaWriter(NAMED_SCHEMAS);
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    for (const family of route.families) {
      const path = FAMILY_PREFIX[family] + route.path;
      paths[path] = { ...paths[path], [route.method]: operation(route, family, path, schemas) };
    }
  }
  for (const [path, summary] of Object.entries(OPEN_PATHS)) {
    const answers = { 200: { description: 'Yes', content: { 'application/json': health } } };
    const responses = responsesOf(answers, schemas);
    paths[path] = {
      get: { operationId: path.slice(1), summary, tags: ['server'], security: [], responses },
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Karta',
      version,
      description: 'Sessions with the agents of a harness application.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: schemas.components,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
  };
}

/** What needs no credential. */
const OPEN_PATHS = {
  '/healthz': 'Whether the process answers',
  '/readyz': 'Whether it takes work',
};

function operation(route: BoundRoute, family: Family, path: string, schemas: SchemaWriter) {
  const body = (family === 'project' ? route.projectBody : undefined) ?? route.body;
  const content = route.takesBytes
    ? { 'application/octet-stream': {} }
    : body && { 'application/json': { schema: schemas.of(body) } };
  return {
    operationId: operationId(route, family),
    summary: route.summary,
    tags: [family],
    security: [{ bearer: [] }, { apiKey: [] }],
    parameters: [
      ...pathParameters(path),
      ...queryParameters(route.query, schemas),
      ...(route.method === 'post' ? [IDEMPOTENCY_KEY] : []),
      ...(route.parameters ?? []),
    ],
    ...(content ? { requestBody: { content, required: isRequired(body) } } : {}),
    responses: responsesOf(route.answers, schemas),
  };
}

/** `createSession` on the flat family, `projectCreateSession` on the other. */
function operationId(route: BoundRoute, family: Family): string {
  if (family === 'flat' || route.families.length === 1) return route.id;
  return `project${route.id[0]?.toUpperCase() ?? ''}${route.id.slice(1)}`;
}

/** A body may be left out when the empty object would do. */
function isRequired(body: z.ZodType | undefined): boolean {
  return body === undefined || !body.safeParse({}).success;
}

function pathParameters(path: string) {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
}

function queryParameters(query: z.ZodType | undefined, schemas: SchemaWriter) {
  if (!(query instanceof z.ZodObject)) return [];
  return Object.entries(query.shape).map(([name, schema]) => ({
    name,
    in: 'query',
    required: false,
    schema: schemas.of(schema as z.ZodType),
  }));
}

function responsesOf(answers: Readonly<Record<number, AnswerSpec>>, schemas: SchemaWriter) {
  const described = Object.entries(answers).map(([status, { description, content }]) => [
    status,
    { description, ...(content ? { content: contentOf(content, schemas) } : {}) },
  ]);
  return {
    ...Object.fromEntries(described),
    default: {
      description: ERROR_ANSWER,
      content: contentOf({ 'application/problem+json': problem }, schemas),
    },
  };
}

function contentOf(content: Readonly<Record<string, z.ZodType>>, schemas: SchemaWriter) {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => [type, { schema: schemas.of(schema) }]),
  );
}
