import { canonicalJson, type ReleaseDiff } from '@karta/protocol';
import type { ReleaseRow } from './tables.ts';

type Compared = Pick<
  ReleaseRow,
  'number' | 'files' | 'config' | 'harness_id' | 'harness_version' | 'agents' | 'skills'
>;

/** What differs between two releases: files by their digests, and what is fixed beside them. */
export function diffReleases(from: Compared, to: Compared): ReleaseDiff {
  const before = new Map(from.files.map((file) => [file.path, file.digest]));
  const after = new Map(to.files.map((file) => [file.path, file.digest]));
  return {
    from: `v${from.number}`,
    to: `v${to.number}`,
    added: [...after.keys()].filter((path) => !before.has(path)),
    removed: [...before.keys()].filter((path) => !after.has(path)),
    changed: [...after.keys()].filter(
      (path) => before.has(path) && before.get(path) !== after.get(path),
    ),
    config: changedSettings(settingsOf(from), settingsOf(to)),
  };
}

function settingsOf(release: Compared): Record<string, unknown> {
  return {
    harness: `${release.harness_id} ${release.harness_version}`,
    agents: release.agents,
    skills: release.skills,
    ...release.config,
  };
}

function changedSettings(
  from: Record<string, unknown>,
  to: Record<string, unknown>,
): ReleaseDiff['config'] {
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...names]
    .map((name) => ({
      name,
      from: canonicalJson(from[name] ?? null),
      to: canonicalJson(to[name] ?? null),
    }))
    .filter((one) => one.from !== one.to);
}
