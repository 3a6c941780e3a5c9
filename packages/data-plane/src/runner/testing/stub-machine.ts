import type { Release } from '../../control/port.ts';
import type { Booted } from '../booted.ts';
import type { Machine, MachineEnd } from '../machine/machine-port.ts';

/** A booted machine that holds nothing and ends when it is told to: for deciding about machines. */
export interface StubBooted extends Booted {
  die(end: MachineEnd): void;
}

export function stubBooted(id: string, release: Release): StubBooted {
  const { promise, resolve } = Promise.withResolvers<MachineEnd>();
  const machine: Partial<Machine> = { isolation: 'none', ended: promise, resumeId: null };
  const of = { volumeId: `vol_${id}`, release, doorsStart: 'doors_1' };
  return { id, ...of, machine: machine as Machine, die: resolve };
}

/** A release that differs from others by its id alone. */
export function releaseNamed(id: string, orgId = 'org_1'): Release {
  return {
    id,
    orgId,
    projectId: 'proj_1',
    version: 'v1',
    digest: '0'.repeat(64),
    harness: { id: 'opencode', version: '1.2.3' },
    createdAt: new Date(0),
    config: {
      memoryMb: null,
      cpus: null,
      diskMb: null,
      maxTurnMs: null,
      env: {},
      modelDefault: null,
      modelFallback: [],
      networkAllow: [],
      providerTools: false,
    },
  };
}

export const SILENT = {
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};
