import { z } from 'zod';

export type JsonSchema = Record<string, unknown>;

const COMPONENTS = '#/components/schemas/';

/**
 * JSON Schemas (2020-12, as OpenAPI 3.1 has them) of Zod schemas. A schema that is `named` is
 * written once among the components and referred to wherever it occurs.
 */
export class SchemaWriter {
  readonly #registry = z.registry<{ id: string }>();
  readonly #components: Record<string, JsonSchema> = {};

  constructor(named: Readonly<Record<string, z.ZodType>>) {
    for (const [id, schema] of Object.entries(named)) this.#registry.add(schema, { id });
    for (const [id, schema] of Object.entries(named))
      this.#components[id] = this.#write(schema, id);
  }

  /** The named schemas met so far. */
  get components(): Readonly<Record<string, JsonSchema>> {
    return this.#components;
  }

  of(schema: z.ZodType): JsonSchema {
    const id = this.#registry.get(schema)?.id;
    return id === undefined ? this.#write(schema) : { $ref: COMPONENTS + id };
  }

  /** A schema that is itself named comes as a reference to its definition. */
  #write(schema: z.ZodType, id?: string): JsonSchema {
    const {
      $schema: _dialect,
      $defs,
      ...inline
    } = z.toJSONSchema(schema, {
      metadata: this.#registry,
      // What a client sends: defaults are optional, transforms show what they take.
      io: 'input',
      unrepresentable: 'any',
    });
    const { id: _name, ...written } = (id === undefined ? inline : $defs?.[id]) ?? inline;
    return JSON.parse(JSON.stringify(written).replaceAll('#/$defs/', COMPONENTS)) as JsonSchema;
  }
}
