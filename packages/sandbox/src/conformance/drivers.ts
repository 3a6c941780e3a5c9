import { createNamespaceDriver } from '../bubblewrap/driver.ts';
import { createNoneDriver } from '../process/driver.ts';
import type { MakeDriver } from './case.ts';

/** Drivers by the name under which a suite runs them. */
export const drivers: Readonly<Record<'none' | 'namespace' | 'folders', MakeDriver>> = {
  none: ({ home }) => createNoneDriver({ home }),
  namespace: ({ home, runtimeDir }) => createNamespaceDriver({ home, runtimeDir }),
  folders: ({ home, runtimeDir }) => createNamespaceDriver({ home, runtimeDir, images: false }),
};
