import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNamespaceDriver, createNoneDriver } from '@karta/sandbox';
import type { KitOptions } from './stand.ts';

export interface KitRung extends Pick<KitOptions, 'driver' | 'protects'> {
  isolation: string;
}

export const withoutIsolation: KitRung = {
  isolation: 'none',
  driver: createNoneDriver,
  protects: false,
};

/** Namespaces where the machine has them, plain processes elsewhere. */
export async function strongestRung(): Promise<KitRung> {
  const root = await mkdtemp(join(tmpdir(), 'kp-'));
  try {
    const { usable } = await createNamespaceDriver({ home: root, runtimeDir: root }).probe();
    if (!usable) return withoutIsolation;
    return { isolation: 'namespace', driver: createNamespaceDriver, protects: true };
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
