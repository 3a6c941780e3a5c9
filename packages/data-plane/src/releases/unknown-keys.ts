import { z } from 'zod';

/** A key that the schema does not know, and those it knows beside it. */
export interface UnknownKey {
  path: string[];
  known: string[];
}

/** Keys of `value` that `schema` does not know, at any depth. */
export function unknownKeys(schema: z.core.$ZodType, value: unknown): UnknownKey[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [];
  if (schema instanceof z.ZodOptional) return unknownKeys(schema.unwrap(), value);
  const children = Object.entries(value);
  if (schema instanceof z.ZodRecord) {
    return children.flatMap(([key, child]) => below(key, unknownKeys(schema.valueType, child)));
  }
  if (!(schema instanceof z.ZodObject)) return [];
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return children.flatMap(([key, child]): UnknownKey[] => {
    const member = Object.hasOwn(shape, key) ? shape[key] : undefined;
    if (member === undefined) return [{ path: [key], known: Object.keys(shape) }];
    return below(key, unknownKeys(member, child));
  });
}

function below(key: string, found: UnknownKey[]): UnknownKey[] {
  return found.map((unknown) => ({ ...unknown, path: [key, ...unknown.path] }));
}
