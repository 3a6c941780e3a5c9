import type { ReleaseConfig } from '../control/port.ts';
import type { KartaToml } from './karta-toml-schema.ts';

/** What `karta.toml` fixes of a release; `null` leaves the choice to the server's defaults. */
export function releaseConfigOf(
  toml: KartaToml,
  env: Readonly<Record<string, string>>,
): ReleaseConfig {
  const { memory_mb, vcpus, disk_mb, max_turn_s } = toml.sandbox ?? {};
  return {
    memoryMb: memory_mb ?? null,
    cpus: vcpus ?? null,
    diskMb: disk_mb ?? null,
    maxTurnMs: max_turn_s === undefined ? null : max_turn_s * 1000,
    env,
    modelDefault: toml.model?.default ?? null,
    modelFallback: toml.model?.fallback ?? [],
    networkAllow: toml.network?.allow ?? [],
    providerTools: toml.network?.provider_tools ?? false,
  };
}
