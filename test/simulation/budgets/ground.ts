import { startTestDatabase as startControlDatabase } from '../../../packages/control-plane/src/sql/test-database.ts';
import { startTestDatabase as startDataDatabase } from '../../../packages/data-plane/src/sql/test-database.ts';
import type { Ground } from './play.ts';

/** Databases for a run of seeds: one of the control plane, one for each node. */
export async function startGround(): Promise<Ground & { close(): Promise<void> }> {
  const [control, ...data] = await Promise.all([
    startControlDatabase(),
    startDataDatabase(),
    startDataDatabase(),
    startDataDatabase(),
  ]);
  return {
    control,
    data,
    close: async () => {
      await Promise.all([control, ...data].map((database) => database.close()));
    },
  };
}
