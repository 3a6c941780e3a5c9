import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dataPlaneDocument } from './openapi.ts';
import { ROUTES } from './routes/index.ts';
import { startEngineServer } from './testing/engine-server.ts';

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean; schema: unknown }[];
  requestBody?: { content: Record<string, unknown>; required: boolean };
  responses: Record<string, { description: string; content?: Record<string, unknown> }>;
  security: unknown[];
}
interface Document {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Record<string, unknown>>; securitySchemes: object };
}

let server: Awaited<ReturnType<typeof startEngineServer>>;
let document: Document;
beforeAll(async () => {
  server = await startEngineServer();
  document = (await (await fetch(`${server.url}/openapi.json`)).json()) as Document;
});
afterAll(() => server.close());

function operations(): [string, string, Operation][] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, one]): [string, string, Operation] => [method, path, one]),
  );
}

/** Every value under a key of that name, anywhere in the document. */
function* valuesOf(key: string, node: unknown = document): Generator<unknown> {
  if (typeof node !== 'object' || node === null) return;
  for (const [name, value] of Object.entries(node)) {
    if (name === key) yield value;
    yield* valuesOf(key, value);
  }
}

describe('/openapi.json', () => {
  it('is public and readable from any page', async () => {
    const answer = await fetch(`${server.url}/openapi.json`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(document.openapi).toBe('3.1.0');
  });

  it('resolves every reference', () => {
    const references = [...valuesOf('$ref')];
    expect(references.length).toBeGreaterThan(20);
    for (const reference of references) {
      const name = /^#\/components\/schemas\/(\w+)$/.exec(String(reference))?.[1] ?? '';
      expect(document.components.schemas, String(reference)).toHaveProperty(name);
    }
    for (const [name, schema] of Object.entries(document.components.schemas)) {
      expect(schema, name).not.toHaveProperty('$ref');
    }
  });

  it('declares exactly the parameters of each path, unique operation ids and all answers', () => {
    const ids = operations().map(([, , operation]) => operation.operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [method, path, operation] of operations()) {
      const where = `${method} ${path}`;
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (operation.parameters ?? []).filter((one) => one.in === 'path');
      expect(
        declared.map((one) => one.name),
        where,
      ).toEqual(named);
      expect(
        declared.every((one) => one.required),
        where,
      ).toBe(true);
      expect(operation.responses.default?.content, where).toHaveProperty([
        'application/problem+json',
      ]);
      const statuses = Object.keys(operation.responses).filter((status) => status !== 'default');
      expect(statuses.length, where).toBeGreaterThan(0);
      if (method === 'get' || method === 'delete')
        expect(operation.requestBody, where).toBeUndefined();
    }
  });

  it('has the same operations on both families of sessions', () => {
    const below = (prefix: string) =>
      operations()
        .filter(([, path]) => path.startsWith(`${prefix}/sessions`))
        .map(([method, path]) => `${method} ${path.slice(prefix.length)}`)
        .sort();
    expect(below('/v1')).toEqual(below('/v1/projects/{ref}'));
    expect(below('/v1')).toHaveLength(16);
  });

  it('shows no internal route', () => {
    expect(JSON.stringify(document)).not.toMatch(/internal|metrics/);
  });

  it('tells what bodies may be: strict, with defaults, by name where named', () => {
    const send = document.paths['/v1/sessions/{session_id}/messages']?.post;
    expect(send?.requestBody).toMatchObject({
      required: true,
      content: {
        'application/json': {
          schema: {
            type: 'object',
            additionalProperties: false,
            required: ['text'],
            properties: { stream: { type: 'boolean', default: false } },
          },
        },
      },
    });
    expect(send?.responses['200']?.content).toEqual({
      'application/json': { schema: { $ref: '#/components/schemas/MessageAnswer' } },
      'text/event-stream': { schema: { $ref: '#/components/schemas/Event' } },
    });
    const create = document.paths['/v1/projects/{ref}/sessions']?.post;
    expect(create?.requestBody?.required).toBe(false);
    expect(JSON.stringify(create?.requestBody)).not.toContain('"project"');
  });

  it('describes what is served: each operation answers without a credential by 401', async () => {
    for (const [method, path, operation] of operations()) {
      const url = path
        .replace('{ref}', 'shop')
        .replace('{session_id}', `sess_${'0'.repeat(24)}`)
        .replace(/\{\w+\}/, 'x');
      const answer = await server.call(method.toUpperCase(), url, { key: null });
      const open = operation.security.length === 0;
      expect(answer.status, `${method} ${path}`).toBe(open ? 200 : 401);
      await answer.text();
    }
  });

  it('is the same whichever schemas were made first', () => {
    expect(dataPlaneDocument(ROUTES)).toEqual(document);
  });
});
