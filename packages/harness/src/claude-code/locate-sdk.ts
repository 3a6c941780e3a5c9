import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { HarnessError, type Installation } from '../port.ts';
import type { ClaudeSdk } from './sdk-port.ts';

export const SDK_PACKAGE = '@anthropic-ai/claude-agent-sdk';
/** The version this adapter was tried with; its wire to the binary changes between versions. */
export const SDK_VERSION = '0.3.330';

/** Where the SDK may be: folders that hold a `node_modules`. */
export interface SdkPlaces {
  env?: NodeJS.ProcessEnv;
}

export interface FoundSdk {
  version: string;
  entry: string;
  binary: string;
}

/**
 * Finds the Agent SDK and its binary for this machine: where Node resolves it from here or from the
 * working directory, then in `$KARTA_HOME/harness`, then among what the tests install.
 */
export function findSdk(places: SdkPlaces = {}): FoundSdk | null {
  const env = places.env ?? process.env;
  for (const from of startingPoints(env)) {
    const found = sdkFrom(from);
    if (found !== null) return found;
  }
  return null;
}

export function installation(places: SdkPlaces = {}): Installation {
  const found = findSdk(places);
  if (found !== null) return { installed: true, version: found.version, binary: found.binary };
  const folder = harnessFolder(places.env ?? process.env);
  const message =
    `Claude Code is not installed. It is proprietary, so it does not come with Karta: ` +
    `npm install --prefix ${folder} ${SDK_PACKAGE}@${SDK_VERSION}`;
  return { installed: false, message };
}

/** Loads the SDK. Throws `HarnessError('not_installed')` with what to install. */
export async function loadSdk(
  places: SdkPlaces = {},
): Promise<{ sdk: ClaudeSdk; found: FoundSdk }> {
  const found = findSdk(places);
  if (found === null) {
    const answer = installation(places);
    throw new HarnessError('not_installed', answer.installed ? '' : answer.message);
  }
  const sdk = (await import(pathToFileURL(found.entry).href)) as ClaudeSdk;
  return { sdk, found };
}

function harnessFolder(env: NodeJS.ProcessEnv): string {
  return join(env.KARTA_HOME ?? join(homedir(), '.karta'), 'harness');
}

/** Files, existing or not, from which packages are resolved as Node does. */
function startingPoints(env: NodeJS.ProcessEnv): string[] {
  const cache = env.KARTA_CACHE ?? join(homedir(), '.cache', 'karta');
  return [
    import.meta.filename,
    join(process.cwd(), 'package.json'),
    join(harnessFolder(env), 'package.json'),
    join(cache, 'test', `${SDK_PACKAGE}@${SDK_VERSION}`, 'package.json'),
  ];
}

const manifest = z.object({ version: z.string() });

function sdkFrom(from: string): FoundSdk | null {
  const { resolve } = createRequire(from);
  try {
    const entry = resolve(SDK_PACKAGE);
    const folder = dirname(entry);
    // The binary is a dependency of the SDK: resolved from there, whatever npm hoisted.
    const binary = binaryFrom(createRequire(entry).resolve);
    if (binary === null) return null;
    const text = readFileSync(join(folder, 'package.json'), 'utf8');
    const { version } = manifest.parse(JSON.parse(text));
    return { version, entry, binary };
  } catch {
    // Not to be resolved from here: the caller goes on to the next place.
    return null;
  }
}

function binaryFrom(resolve: NodeJS.RequireResolve): string | null {
  const base = `${SDK_PACKAGE}-${process.platform}-${process.arch}`;
  for (const name of isMusl() ? [`${base}-musl`, base] : [base, `${base}-musl`]) {
    try {
      const binary = join(dirname(resolve(`${name}/package.json`)), 'claude');
      if (existsSync(binary)) return binary;
    } catch {}
  }
  return null;
}

function isMusl(): boolean {
  const report = process.report.getReport() as { header?: { glibcVersionRuntime?: string } };
  return report.header?.glibcVersionRuntime === undefined;
}
