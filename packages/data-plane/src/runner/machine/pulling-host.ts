import type { Release } from '../../control/port.ts';
import type { MachineHost } from './machine-port.ts';

/** A host whose releases are brought to this machine before it looks for them. */
export function pullingHost(
  host: MachineHost,
  have: (release: Release) => Promise<void>,
): MachineHost {
  return {
    start: () => host.start(),
    async describe(release) {
      await have(release);
      return host.describe(release);
    },
    async boot(order) {
      await have(order.release);
      return host.boot(order);
    },
    async releaseFiles(release, prefix) {
      await have(release);
      return host.releaseFiles(release, prefix);
    },
    async releaseFile(release, path) {
      await have(release);
      return host.releaseFile(release, path);
    },
    volumes: () => host.volumes(),
    destroyVolume: (volumeId) => host.destroyVolume(volumeId),
    stop: () => host.stop(),
    close: () => host.close(),
  };
}
