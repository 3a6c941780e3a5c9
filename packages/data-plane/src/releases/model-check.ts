import type { AppFolder, AppProblem, Detection, HarnessDetector } from '@karta/harness';
import {
  type KeyProvider,
  PROVIDER_FAMILY,
  providerModelOf,
  type UpstreamsAnswer,
  type WireFamily,
} from '@karta/protocol';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { appError } from './problem.ts';
import { tomlLine } from './toml-lines.ts';

/** What the doors of this server can serve, as they tell it. */
export type Upstreams = UpstreamsAnswer['upstreams'];

/** What the operator sets for a provider to be there. */
const SETTING_OF: Readonly<Record<KeyProvider, string>> = {
  anthropic: 'ANTHROPIC_API_KEY',
  bedrock: 'KARTA_BEDROCK',
  vertex: 'KARTA_VERTEX',
  openai: 'OPENAI_API_KEY',
  openrouter: 'OPENROUTER_API_KEY',
  'openai-compatible': 'OPENAI_COMPATIBLE_BASE_URL',
};

/** Whether some upstream speaks a wire of the harness. */
export function isServed(harness: HarnessDetector, upstreams: Upstreams): boolean {
  return harness.capabilities.families.some((family) => serves(upstreams, family));
}

/**
 * Whether some upstream serves what the application asks for: the harness's wire, the model that
 * the folder names, `[model] default`, and `[model] fallback`, which must speak the wire of the
 * application's own model. Each that nobody serves is an error where it is named.
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
    const advice = `set ${families.map((family) => SETTING_OF[family]).join(' or ')}`;
    const message = `${harness.name} speaks ${families.join(' or ')}; ${have(upstreams)}; ${advice}`;
    return [appError('', 0, message)];
  }
  const at = (key: string) => tomlLine(app.text(KARTA_TOML) ?? '', ['model', key]);
  const named = detection.model === null ? [] : [detection.model];
  const standard = toml.model?.default;
  if (standard !== undefined) {
    named.push({ name: standard, file: KARTA_TOML, line: at('default') });
  }
  const wires = named
    .map(({ name }) => familyOf(name, families))
    .filter((family) => family !== null);
  const line = at('fallback');
  return [
    ...named.flatMap(({ name, file, line }) => {
      const problem = unserved(name, familyOf(name, families), upstreams);
      return problem === null ? [] : [appError(file, line, problem)];
    }),
    ...(toml.model?.fallback ?? []).flatMap((name) => {
      const problem =
        otherWire(name, wires.length > 0 ? wires : families) ??
        unserved(name, familyOf(name, families), upstreams, true);
      return problem === null ? [] : [appError(KARTA_TOML, line, `fallback: ${problem}`)];
    }),
  ];
}

/** Why a model cannot stand in for one of these wires; `null`: it can. */
function otherWire(name: string, wires: readonly WireFamily[]): string | null {
  const provider = providerModelOf(name)?.provider;
  if (provider === undefined || wires.includes(PROVIDER_FAMILY[provider])) return null;
  return `"${name}" speaks the ${PROVIDER_FAMILY[provider]} wire, the application ${wires.join(' or ')}: wires are not translated`;
}

/**
 * Why nobody serves a model; `null` when somebody does. `anthropic/…` and `openai/…` name a wire,
 * whoever speaks it, unless a name is `exact`.
 */
function unserved(
  name: string,
  family: WireFamily | null,
  upstreams: Upstreams,
  exact = false,
): string | null {
  const provider = providerModelOf(name)?.provider ?? null;
  const asProvider = provider !== null && (exact || provider !== family);
  const there = asProvider
    ? upstreams.some(({ id }) => id === provider)
    : family !== null && serves(upstreams, family);
  if (there || servesAnything(upstreams)) return null;
  const setting = provider ?? family;
  const way = setting === null ? 'choose another model' : `set ${SETTING_OF[setting]}`;
  return `no upstream serves the model "${name}"; ${have(upstreams)}; ${way}`;
}

/** The wire that serves a model name; a harness of one wire needs no prefix. `null`: another's. */
function familyOf(name: string, families: readonly WireFamily[]): WireFamily | null {
  const provider = providerModelOf(name)?.provider;
  const byProvider = provider === undefined ? undefined : PROVIDER_FAMILY[provider];
  if (byProvider !== undefined && families.includes(byProvider)) return byProvider;
  const [only, ...others] = families;
  return only !== undefined && others.length === 0 && byProvider === undefined ? only : null;
}

function serves(upstreams: Upstreams, family: WireFamily): boolean {
  return upstreams.some((upstream) => upstream.families.includes(family));
}

/** The demo model answers under every name, where it answers. */
function servesAnything(upstreams: Upstreams): boolean {
  return upstreams.some(({ id, families }) => id === 'demo' && families.length > 0);
}

function have(upstreams: Upstreams): string {
  const ids = upstreams.map((upstream) => upstream.id);
  return ids.length === 0 ? 'this server has none' : `this server has ${ids.join(', ')}`;
}
