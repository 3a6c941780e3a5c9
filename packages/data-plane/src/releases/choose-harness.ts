import type {
  AppFolder,
  AppProblem,
  Detection,
  HarnessDetector,
  HarnessId,
  Installation,
} from '@karta/harness';
import { KARTA_TOML } from './karta-toml.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { isServed, type Upstreams } from './model-check.ts';
import { appError } from './problem.ts';
import { closest } from './suggest.ts';
import { tomlLine } from './toml-lines.ts';

/** A harness as far as a publish needs it. */
export type PublishHarness = HarnessDetector & { installed(): Promise<Installation> };

/** The harness that will run an application, fixed with its exact version. */
export interface ChosenHarness {
  harness: HarnessDetector;
  detection: Detection;
  version: string;
}

/** The order in which a folder with several layouts is offered to them. */
const PREFERENCE: readonly HarnessId[] = ['claude-code', 'opencode'];

/**
 * Decides which harness runs the folder: the one that `[harness] type` names; else the one whose
 * layout it has; with several layouts the first that is installed and that some upstream serves,
 * Claude Code before OpenCode.
 */
export async function chooseHarness(
  app: AppFolder,
  toml: KartaToml,
  harnesses: readonly PublishHarness[],
  upstreams: Upstreams,
): Promise<{ chosen: ChosenHarness } | { problem: AppProblem }> {
  const wanted = toml.harness?.type;
  if (wanted !== undefined) {
    const named = harnesses.find((harness) => harness.id === wanted);
    if (named === undefined) return { problem: unknownHarness(app, wanted, harnesses) };
    return pin(app, toml, named, named.detect(app), await named.installed());
  }
  const present = [...harnesses]
    .sort((a, b) => PREFERENCE.indexOf(a.id) - PREFERENCE.indexOf(b.id))
    .map((harness) => ({ harness, detection: harness.detect(app) }))
    .filter(({ detection }) => detection.present);
  const candidates = await Promise.all(
    present.map(async (one) => ({ ...one, installation: await one.harness.installed() })),
  );
  const installed = candidates.filter(({ installation }) => installation.installed);
  const served = installed.find(({ harness }) => isServed(harness, upstreams));
  const best = served ?? installed[0] ?? candidates[0];
  if (best === undefined) return { problem: appError('', 0, NO_LAYOUT) };
  return pin(app, toml, best.harness, best.detection, best.installation);
}

const NO_LAYOUT =
  'the folder has no harness application: Claude Code needs .claude/ or CLAUDE.md, ' +
  'OpenCode needs .opencode/ or AGENTS.md';

function pin(
  app: AppFolder,
  toml: KartaToml,
  harness: HarnessDetector,
  detection: Detection,
  installation: Installation,
): { chosen: ChosenHarness } | { problem: AppProblem } {
  if (!installation.installed) return { problem: appError('', 0, installation.message) };
  const { version } = installation;
  const asked = toml.harness?.version;
  if (asked !== undefined && asked !== version) {
    const line = tomlLine(app.text(KARTA_TOML) ?? '', ['harness', 'version']);
    const message = `${harness.name} ${asked} is asked for, ${version} is installed`;
    return { problem: appError(KARTA_TOML, line, message) };
  }
  return { chosen: { harness, detection, version } };
}

function unknownHarness(
  app: AppFolder,
  wanted: string,
  harnesses: readonly PublishHarness[],
): AppProblem {
  const ids = harnesses.map((harness) => harness.id);
  const meant = closest(wanted, ids);
  const hint = meant === null ? `known: ${ids.join(', ')}` : `did you mean "${meant}"?`;
  const line = tomlLine(app.text(KARTA_TOML) ?? '', ['harness', 'type']);
  return appError(KARTA_TOML, line, `unknown harness "${wanted}"; ${hint}`);
}
