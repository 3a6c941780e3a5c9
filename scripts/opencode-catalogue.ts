import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { runInNewContext } from 'node:vm';
import { findBinary } from '../packages/harness/src/opencode/binary.ts';

/**
 * `npm run catalogue`: writes the part of OpenCode's own catalogue of models that a session can use.
 * To be run when the version of OpenCode changes; scripts/opencode-catalogue.test.ts says when.
 */

const FILE = fileURLToPath(
  new URL('../packages/harness/src/opencode/catalogue.json', import.meta.url),
);

/** The providers that a session can have, as far as OpenCode knows them. */
const SERVED = ['anthropic', 'openai', 'openrouter'] as const;

/** What stands before the catalogue in OpenCode's program, a literal of JavaScript. */
const READS_A_FILE = 'OPENCODE_MODELS_PATH??';
const LITERAL = '.sync(()=>(';
/** The literal begins within so many bytes of the place where a file would be read instead. */
const NEAR_BYTES = 2_000;
const EVALUATION_MS = 10_000;

interface Provider {
  models: Record<string, unknown>;
}

/** The served part of the catalogue inside `binary`. Throws when it is not where it used to be. */
export function catalogueIn(binary: Buffer): string {
  const readsFile = binary.indexOf(READS_A_FILE);
  const literal = binary.indexOf(LITERAL, readsFile);
  if (readsFile === -1 || literal === -1 || literal - readsFile > NEAR_BYTES) {
    throw new Error('This OpenCode keeps its catalogue of models elsewhere.');
  }
  const text = balanced(binary, literal + LITERAL.length);
  const all = runInNewContext(`(${text})`, Object.create(null), {
    timeout: EVALUATION_MS,
  }) as Record<string, Provider>;
  return written(Object.fromEntries(SERVED.map((id) => [id, all[id] as Provider])));
}

/** From a brace to the one that closes it. */
function balanced(bytes: Buffer, from: number): string {
  const [backslash, open, close] = [...Buffer.from('\\{}')];
  const quotes = Buffer.from(`"'\``);
  let depth = 0;
  let quote: number | undefined;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (quote !== undefined) {
      if (byte === backslash) at += 1;
      else if (byte === quote) quote = undefined;
    } else if (quotes.includes(byte)) quote = byte;
    else if (byte === open) depth += 1;
    else if (byte === close) {
      depth -= 1;
      if (depth === 0) return bytes.toString('utf8', from, at + 1);
    }
  }
  throw new Error('The catalogue of models has no end.');
}

/** JSON with a line for each model, so that a new version shows what changed. */
function written(providers: Record<string, Provider>): string {
  const blocks = Object.entries(providers).map(([id, { models, ...provider }]) => {
    const lines = Object.keys(models)
      .sort()
      .map((name) => `${JSON.stringify(name)}: ${JSON.stringify(models[name])}`);
    const head = JSON.stringify(provider).slice(0, -1);
    return `${JSON.stringify(id)}: ${head}, "models": {\n${lines.join(',\n')}\n}}`;
  });
  return `{\n${blocks.join(',\n')}\n}\n`;
}

if (import.meta.main) {
  const installation = findBinary();
  if (!installation.installed) throw new Error(installation.message);
  writeFileSync(FILE, catalogueIn(readFileSync(installation.binary)));
}
