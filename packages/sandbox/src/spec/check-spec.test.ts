import { expect, test } from 'vitest';
import type { SandboxSpec } from '../port.ts';
import { checkCommand, checkSpec } from './check-spec.ts';

const SPEC: SandboxSpec = {
  id: 'sbx_1',
  volumeId: 'vol_1',
  org: 'org_1',
  release: '/srv/release',
  protectedPaths: [{ path: '.claude', whenAbsent: 'directory' }],
  tools: [{ source: '/srv/tool', target: '/opt/tool' }],
  files: [{ target: '/home/agent/.config/x', content: '' }],
  offers: [{ name: 'model', socket: '/run/model.sock' }],
  listens: ['web'],
  limits: { memoryBytes: 1, pids: 1, cpus: 0.5, diskBytes: 1 },
};
const file = (target: string) => ({ files: [{ target, content: '' }] });
const guard = (path: string) => ({ protectedPaths: [{ path, whenAbsent: 'remove' as const }] });

test('a plain spec passes', () => {
  expect(() => checkSpec(SPEC)).not.toThrow();
});

test.each<[string, Partial<SandboxSpec>]>([
  ['an id with a slash', { id: 'a/b' }],
  ['an id that is too long for a socket path', { id: 'a'.repeat(65) }],
  ['a volume that climbs', { volumeId: '..' }],
  ['a relative release', { release: 'release' }],
  ['a file in the workspace', file('/workspace/x')],
  ['a file over the root', file('/')],
  ['a file with a line end', file('/etc/a\nb')],
  ['a file that climbs', file('/etc/../usr/x')],
  ['a file over the system', file('/usr/bin/sh')],
  ['a tool in the home', { tools: [{ source: '/x', target: '/home/agent/x' }] }],
  ['a tool and a file in one place', file('/opt/tool')],
  ['a protected path that climbs', guard('a/../../b')],
  ['a protected path that is absolute', guard('/a')],
  ['the whole workspace protected', guard('.')],
  ['a protected path with a line end', guard('a\nb')],
  ['one name for two ports', { listens: ['model'] }],
  ['a port name that is not plain', { listens: ['Web'] }],
  ['no memory', { limits: { ...SPEC.limits, memoryBytes: 0 } }],
  ['endless processors', { limits: { ...SPEC.limits, cpus: Number.POSITIVE_INFINITY } }],
])('%s is refused', (_, overrides) => {
  expect(() => checkSpec({ ...SPEC, ...overrides })).toThrow(
    expect.objectContaining({ code: 'invalid_spec' }),
  );
});

test('a command may use only what the spec has', () => {
  expect(() => checkCommand(SPEC, { argv: ['x'], env: {}, offers: ['model'] })).not.toThrow();
  expect(() => checkCommand(SPEC, { argv: ['x'], env: {}, offers: ['web'] })).toThrow();
  expect(() => checkCommand(SPEC, { argv: ['x'], env: {}, listens: ['model'] })).toThrow();
  expect(() => checkCommand(SPEC, { argv: [''], env: {} })).toThrow();
});
