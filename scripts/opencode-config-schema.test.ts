import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findBinary } from '../packages/harness/src/opencode/binary.ts';
import { configSchemaIn } from './opencode-config-schema.ts';

const COMMITTED = new URL(
  '../packages/harness/src/opencode/app/config-schema.json',
  import.meta.url,
);

// The two architectures have OpenCode in two versions; the schema is that of this one.
test.runIf(process.arch === 'x64')('is that of the installed OpenCode', () => {
  const installation = findBinary();
  if (!installation.installed) throw new Error(installation.message);
  const { $comment } = JSON.parse(readFileSync(COMMITTED, 'utf8'));
  expect($comment, 'run npm run catalogue').toBe(`OpenCode ${installation.version}`);
});

describe('what is taken of the document', () => {
  const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });

  test('all that the configuration names, loops too, and nothing else', () => {
    const schemas = {
      Config: { type: 'object', properties: { rule: ref('Rule') }, additionalProperties: false },
      Rule: { anyOf: [{ type: 'string' }, { type: 'array', items: ref('Rule') }] },
      Session: { type: 'object' },
    };
    expect(JSON.parse(configSchemaIn(schemas, '1.2.3'))).toEqual({
      $comment: 'OpenCode 1.2.3',
      $defs: {
        Config: { type: 'object', properties: { rule: { $ref: '#/$defs/Rule' } } },
        Rule: { anyOf: [{ type: 'string' }, { type: 'array', items: { $ref: '#/$defs/Rule' } }] },
      },
    });
  });

  test('a document that lacks what it names is refused', () => {
    expect(() => configSchemaIn({ Config: ref('Gone') }, '1')).toThrow('names Gone without it');
  });
});
