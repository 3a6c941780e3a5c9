import type { AppFolder, AppProblem, Detection, HarnessDetector } from '@karta/harness';
import type { UpstreamsAnswer, WireFamily } from '@karta/protocol';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { appError } from './problem.ts';
import { tomlLine } from './toml-lines.ts';

/** What the doors of this server can serve, as they tell it. */
export type Upstreams = UpstreamsAnswer['upstreams'];

const KEY_OF: Record<WireFamily, string> = {
  anthropic: 'ANTHROPIC_API_KEY',
  openai: 'OPENAI_API_KEY',
};

/** Whether some upstream speaks a wire of the harness. */
export function isServed(harness: HarnessDetector, upstreams: Upstreams): boolean {
  return harness.capabilities.families.some((family) => serves(upstreams, family));
}

/**
 * Whether some upstream serves what the application asks for: the harness's wire, the model that
 * the folder names, and `[model] default`. Each that nobody serves is an error where it is named.
 */
export function modelProblems(
  app: AppFolder,
  toml: KartaToml,
  chosen: { harness: HarnessDetector; detection: Detection },
  upstreams: Upstreams,
): AppProblem[] {
  const { harness, detection } = chosen;
  const { families } = harness.capabilities;
  if (!isServed(harness, upstreams)) {
    const message = `${harness.name} speaks ${families.join(' or ')}; ${have(upstreams)}; ${advice(families)}`;
    return [appError('', 0, message)];
  }
  const named = detection.model === null ? [] : [detection.model];
  const fallback = toml.model?.default;
  if (fallback !== undefined) {
    const line = tomlLine(app.text(KARTA_TOML) ?? '', ['model', 'default']);
    named.push({ name: fallback, file: KARTA_TOML, line });
  }
  return named.flatMap(({ name, file, line }) => {
    const family = familyOf(name, families);
    if (family === null ? servesAnything(upstreams) : serves(upstreams, family)) return [];
    const way = family === null ? 'choose another model' : advice([family]);
    return [
      appError(file, line, `no upstream serves the model "${name}"; ${have(upstreams)}; ${way}`),
    ];
  });
}

/** The wire that serves a model name; a harness of one wire needs no prefix. `null`: another's. */
function familyOf(name: string, families: readonly WireFamily[]): WireFamily | null {
  const prefix = name.includes('/') ? name.slice(0, name.indexOf('/')) : null;
  const byPrefix = families.find((family) => family === prefix);
  if (byPrefix !== undefined) return byPrefix;
  const [only, ...others] = families;
  return only !== undefined && others.length === 0 ? only : null;
}

function serves(upstreams: Upstreams, family: WireFamily): boolean {
  return upstreams.some((upstream) => upstream.families.includes(family));
}

/** The demo model answers under every name. */
function servesAnything(upstreams: Upstreams): boolean {
  return upstreams.some((upstream) => upstream.id === 'demo');
}

function have(upstreams: Upstreams): string {
  const ids = upstreams.map((upstream) => upstream.id);
  return ids.length === 0 ? 'this server has none' : `this server has ${ids.join(', ')}`;
}

function advice(families: readonly WireFamily[]): string {
  return `set ${families.map((family) => KEY_OF[family]).join(' or ')}`;
}
