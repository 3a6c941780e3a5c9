import { z } from 'zod';
import { type JsonSchema, SchemaWriter } from './json-schema.ts';
import { health, problem } from './schemas.ts';

/** An answer as `/openapi.json` tells of it: schemas by content type; none without a body. */
export interface AnswerSpec {
  description: string;
  content?: Readonly<Record<string, z.ZodType>>;
}

/** One method of one path, as the document tells of it. */
export interface Operation {
  id: string;
  summary: string;
  tag: string;
  method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  /** From the root, with `{name}` for parameters. */
  path: string;
  body?: z.ZodType | undefined;
  /** The body's content type when it is no JSON, such as `application/octet-stream`. */
  bytes?: string | undefined;
  query?: z.ZodType | undefined;
  /** Further parameters, as OpenAPI writes them. */
  parameters?: readonly Readonly<Record<string, unknown>>[] | undefined;
  answers: Readonly<Record<number, AnswerSpec>>;
  /** Whether it can be called without a credential. */
  open?: boolean | undefined;
}

export interface DocumentInfo {
  title: string;
  description: string;
  version: string;
  /** Schemas to name, so that generated clients have named types. */
  named: Readonly<Record<string, z.ZodType>>;
  /** Messages that the platform sends, by event type (`webhooks` of OpenAPI 3.1). */
  webhooks?: Readonly<Record<string, { summary: string; body: z.ZodType }>>;
}

const ERROR_ANSWER = 'A problem document (RFC 9457); its "error" is a stable code';

const IDEMPOTENCY_KEY = {
  name: 'idempotency-key',
  in: 'header',
  required: false,
  description: 'Repeats within 24 hours under the same key do it once',
  schema: { type: 'string', minLength: 1, maxLength: 255 },
};

/** What needs no credential on any plane. */
const OPEN_PATHS = {
  '/healthz': 'Whether the process answers',
  '/readyz': 'Whether it takes work',
};

/**
 * The OpenAPI 3.1 document of a public surface, derived from the very schemas that requests are
 * validated with.
 */
export function openApiDocument(operations: readonly Operation[], info: DocumentInfo): JsonSchema {
  const schemas = new SchemaWriter({ ...info.named, Problem: problem });
  const paths: Record<string, Record<string, unknown>> = {};
  for (const one of operations) {
    paths[one.path] = { ...paths[one.path], [one.method]: described(one, schemas) };
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
      title: info.title,
      version: info.version,
      description: info.description,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    paths,
    ...(info.webhooks ? { webhooks: webhooksOf(info.webhooks, schemas) } : {}),
    components: {
      schemas: schemas.components,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key' },
      },
    },
  };
}

function described(one: Operation, schemas: SchemaWriter) {
  const content = one.bytes
    ? { [one.bytes]: {} }
    : one.body && { 'application/json': { schema: schemas.of(one.body) } };
  return {
    operationId: one.id,
    summary: one.summary,
    tags: [one.tag],
    security: one.open ? [] : [{ bearer: [] }, { apiKey: [] }],
    parameters: [
      ...pathParameters(one.path),
      ...queryParameters(one.query, schemas),
      ...(one.method === 'post' ? [IDEMPOTENCY_KEY] : []),
      ...(one.parameters ?? []),
    ],
    ...(content ? { requestBody: { content, required: isBodyRequired(one.body) } } : {}),
    responses: responsesOf(one.answers, schemas),
  };
}

/** A body may be left out when the empty object would do. */
export function isBodyRequired(body: z.ZodType | undefined): boolean {
  return body === undefined || !body.safeParse({}).success;
}

function webhooksOf(webhooks: NonNullable<DocumentInfo['webhooks']>, schemas: SchemaWriter) {
  return Object.fromEntries(
    Object.entries(webhooks).map(([type, { summary, body }]) => [
      type,
      {
        post: {
          summary,
          requestBody: {
            required: true,
            content: { 'application/json': { schema: schemas.of(body) } },
          },
          responses: { '2XX': { description: 'Taken; anything else is tried again' } },
        },
      },
    ]),
  );
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
  const listed = Object.entries(answers).map(([status, { description, content }]) => [
    status,
    { description, ...(content ? { content: contentOf(content, schemas) } : {}) },
  ]);
  return {
    ...Object.fromEntries(listed),
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
