import { HarnessError } from '@karta/harness';
import { KartaError } from '@karta/protocol';
import { SandboxError } from '@karta/sandbox';
import { expect, test } from 'vitest';
import { startFault } from './faults.ts';

test.each<[string, unknown, string]>([
  ['a full disk of the sandbox', new SandboxError('disk_full', 'x'), 'storage_full'],
  ['a full disk', Object.assign(new Error('x'), { code: 'ENOSPC' }), 'storage_full'],
  ['a quota', Object.assign(new Error('x'), { code: 'EDQUOT' }), 'storage_full'],
  ['a missing harness', new HarnessError('not_installed', 'npm i it'), 'harness_missing'],
  [
    'a harness that does not start',
    new HarnessError('start_failed', 'last words'),
    'harness_failed',
  ],
  ['a driver that does not work', new SandboxError('unsupported', 'x'), 'harness_failed'],
  ['a volume still in use', new SandboxError('busy', 'x'), 'capacity'],
  ['anything else', new Error('secret path'), 'internal'],
  ['what is told already', new KartaError('not_found'), 'not_found'],
])('%s', (_name, cause, code) => {
  const fault = startFault(cause);
  expect(fault.code).toBe(code);
  expect(fault.message).not.toContain('secret path');
});

test.each(['boot_failed', 'disk_full', 'unsupported', 'refused', 'busy'] as const)(
  'a driver that says %s tells a client no place of the host',
  (code) => {
    const cause = new SandboxError(code, "ENOENT: open '/run/karta-1/s/sbx_1/k'");
    const fault = startFault(cause);
    expect(JSON.stringify([fault.message, fault.extra])).not.toContain('/run');
    expect(fault.cause).toBe(cause);
  },
);

test('a sandbox that was still going may be asked for again', () => {
  expect(startFault(new SandboxError('busy', 'x')).retryAfter).toBeGreaterThan(0);
});
