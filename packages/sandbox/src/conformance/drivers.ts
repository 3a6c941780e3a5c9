import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createNamespaceDriver } from '../bubblewrap/driver.ts';
import type { SandboxDriver } from '../port.ts';
import { createNoneDriver } from '../process/driver.ts';
import type { MakeDriver } from './case.ts';

/** Drivers by the name under which a suite runs them. */
export const drivers: Readonly<Record<'none' | 'namespace' | 'folders' | 'hosts', MakeDriver>> = {
  none: ({ home }) => createNoneDriver({ home }),
  namespace: ({ home, runtimeDir }) => createNamespaceDriver({ home, runtimeDir }),
  folders: ({ home, runtimeDir }) => createNamespaceDriver({ home, runtimeDir, images: false }),
  hosts: (ground) => withHost(createNamespaceDriver(ground), join(ground.root, 'host.sock')),
};

/** A driver whose every sandbox may reach a host: its preparation has more rights than others have. */
function withHost(driver: SandboxDriver, socket: string): SandboxDriver {
  return {
    ...driver,
    async create(spec) {
      await writeFile(socket, '');
      const host = { name: 'api.example.com', port: 443, socket };
      return driver.create({ ...spec, hosts: [...(spec.hosts ?? []), host] });
    },
  };
}
