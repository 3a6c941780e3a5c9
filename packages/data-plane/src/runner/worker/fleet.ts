import type { MachineHost } from '../machine/machine-port.ts';

/** A host that knows how much it holds. */
export interface LoadedHost extends MachineHost {
  readonly load: number;
}

/**
 * Several machine hosts as one: each machine is booted on the one that holds fewest, everything else
 * is asked of the first.
 */
export function fleetOf(hosts: readonly [LoadedHost, ...LoadedHost[]]): MachineHost {
  const [first, ...others] = hosts;
  return {
    async start() {
      const support = await first.start();
      for (const host of others) await host.start();
      return support;
    },
    boot: (order) =>
      hosts.reduce((least, host) => (host.load < least.load ? host : least)).boot(order),
    describe: (release) => first.describe(release),
    releaseFiles: (release, prefix) => first.releaseFiles(release, prefix),
    releaseFile: (release, path) => first.releaseFile(release, path),
    volumes: () => first.volumes(),
    destroyVolume: (volumeId) => first.destroyVolume(volumeId),
    async stop() {
      await Promise.all(hosts.map((host) => host.stop()));
    },
    async close() {
      await Promise.all(hosts.map((host) => host.close()));
    },
  };
}
