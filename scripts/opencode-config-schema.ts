import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { findBinary } from '../packages/harness/src/opencode/binary.ts';

/**
 * `npm run catalogue` writes with this what OpenCode says of its own configuration files, so that a
 * folder that it would not start with is refused when it is published. It runs the server for a
 * moment, because the schema stands nowhere but in its OpenAPI document.
 */

const FILE = fileURLToPath(
  new URL('../packages/harness/src/opencode/app/config-schema.json', import.meta.url),
);
const START_MS = 60_000;
const LISTENING = /listening on (http:\S+)/;

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Schemas = Record<string, Json>;

/** The schema `Config` of an OpenAPI document with all that it names, as JSON Schema. */
export function configSchemaIn(schemas: Schemas, version: string): string {
  const $defs: Record<string, Json> = {};
  const taken = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(taken);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).flatMap(([key, inner]): [string, Json][] => {
      // OpenCode itself ignores keys that it does not know, whatever its document says.
      if (key === 'additionalProperties' && inner === false) return [];
      if (key === '$ref') return [[key, reference(String(inner))]];
      return [[key, taken(inner)]];
    });
    return Object.fromEntries(entries);
  };
  const reference = (ref: string): string => {
    const name = ref.slice(ref.lastIndexOf('/') + 1);
    const schema = schemas[name];
    if (schema === undefined) throw new Error(`OpenCode's document names ${name} without it.`);
    if (!(name in $defs)) {
      // Entered first, for a schema may name itself.
      $defs[name] = {};
      $defs[name] = taken(schema);
    }
    return `#/$defs/${name}`;
  };
  reference('#/components/schemas/Config');
  // A line each, so that a new version shows what changed.
  const lines = Object.entries($defs).map(
    ([name, schema]) => `"${name}": ${JSON.stringify(schema)}`,
  );
  return `{\n"$comment": "OpenCode ${version}",\n"$defs": {\n${lines.join(',\n')}\n}\n}\n`;
}

/** The same of the OpenCode that npm installed. */
export async function installedConfigSchema(): Promise<string> {
  const installation = findBinary();
  if (!installation.installed) throw new Error(installation.message);
  const home = mkdtempSync(join(tmpdir(), 'karta-opencode-schema-'));
  const server = spawn(installation.binary, ['serve', '--hostname', '127.0.0.1', '--port', '0'], {
    cwd: home,
    env: { PATH: process.env.PATH, HOME: home, OPENCODE_DISABLE_MODELS_FETCH: '1' },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: START_MS,
  });
  try {
    for await (const line of createInterface({ input: server.stdout })) {
      const url = LISTENING.exec(line)?.[1];
      if (url === undefined) continue;
      const answer = await fetch(`${url}/doc`, { signal: AbortSignal.timeout(START_MS) });
      const { components } = (await answer.json()) as { components: { schemas: Schemas } };
      return configSchemaIn(components.schemas, installation.version);
    }
    throw new Error('OpenCode ended before it listened.');
  } finally {
    server.kill('SIGKILL');
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  }
}

if (import.meta.main) writeFileSync(FILE, await installedConfigSchema());
