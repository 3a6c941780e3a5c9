import type { ReleaseRecord } from '@karta/protocol';
import type { ReleaseConfig } from '../control/port.ts';
import { declaredEnv } from './declared-env.ts';
import type { KartaToml } from './karta-toml-schema.ts';
import { releaseConfigOf } from './release-config.ts';

type RecordConfig = ReleaseRecord['config'];

/** What a release's record says of `karta.toml`; `env` are the values that are no secret. */
export function recordConfig(toml: KartaToml, env: Readonly<Record<string, string>>): RecordConfig {
  const config = releaseConfigOf(toml, env);
  return {
    memory_mb: config.memoryMb,
    cpus: config.cpus,
    disk_mb: config.diskMb,
    max_turn_ms: config.maxTurnMs,
    env: { ...config.env },
    secrets: declaredEnv(toml)
      .filter(({ secret }) => secret)
      .map(({ name, expose, required }) => ({ name, expose, required })),
    model_default: config.modelDefault,
    model_fallback: [...config.modelFallback],
    network_allow: [...config.networkAllow],
    provider_tools: config.providerTools,
  };
}

/** A record's configuration as the data plane uses it. */
export function configOfRecord(config: RecordConfig): ReleaseConfig {
  return {
    memoryMb: config.memory_mb,
    cpus: config.cpus,
    diskMb: config.disk_mb,
    maxTurnMs: config.max_turn_ms,
    env: config.env,
    modelDefault: config.model_default,
    modelFallback: config.model_fallback,
    ...(config.own_wires !== undefined && { ownWires: config.own_wires }),
    networkAllow: config.network_allow,
    providerTools: config.provider_tools,
  };
}
