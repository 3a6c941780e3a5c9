import { z } from 'zod';

/** What a worker is told at its start. No key is among it. */
export const workerSettings = z.strictObject({
  home: z.string(),
  runtimeDir: z.string(),
  sandbox: z.enum(['auto', 'namespace', 'none']),
});
export type WorkerSettings = z.infer<typeof workerSettings>;
