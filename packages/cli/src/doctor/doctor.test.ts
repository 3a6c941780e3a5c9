import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Harness } from '@karta/harness';
import { describe, expect, test } from 'vitest';
import { isFit } from '../commands/doctor.ts';
import { finding } from './finding.ts';
import { harnessFindings } from './harnesses.ts';
import { diskFinding, memoryFinding, portFinding } from './machine.ts';
import { modelFinding } from './models.ts';
import { rungFinding } from './sandboxes.ts';

const GB = 1024 ** 3;

describe('the machine', () => {
  test('memory is good, scarce or too little', () => {
    expect(memoryFinding(8 * GB, 16 * GB).state).toBe('good');
    expect(memoryFinding(2 * GB, 16 * GB).state).toBe('weak');
    expect(memoryFinding(0.5 * GB, 16 * GB)).toMatchObject({ state: 'missing' });
  });

  test('the disk is looked at where the home will be', async () => {
    const found = await diskFinding(join(tmpdir(), 'not', 'there', 'yet'));
    expect(found.notes[0]).toMatch(/^\d+ MB free/);
  });

  test('a port in use is only weak, and fine when our own server has it', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    expect((await portFinding('127.0.0.1', port, null)).state).toBe('weak');
    const served = await portFinding('127.0.0.1', port, 'http://localhost:9');
    expect(served).toMatchObject({
      state: 'good',
      notes: [expect.stringContaining('localhost:9')],
    });
    server.close();
  });
});

describe('rungs', () => {
  const probe = (usable: boolean, problems: string[]) => async () => ({
    usable,
    notes: ['n'],
    problems,
  });

  test('are good, weak or missing; the last one always has its problem', async () => {
    const namespace = { id: 'namespace', isolation: 'namespace' } as const;
    const none = { id: 'none', isolation: 'none' } as const;
    const of = async (driver: Parameters<typeof rungFinding>[0]) =>
      (await rungFinding(driver)).state;
    expect(await of({ ...namespace, probe: probe(true, []) })).toBe('good');
    expect(await of({ ...namespace, probe: probe(true, ['no quota']) })).toBe('weak');
    expect(await of({ ...namespace, probe: probe(false, ['no bwrap']) })).toBe('missing');
    expect(await of({ ...none, probe: probe(true, ['nothing separates']) })).toBe('good');
  });
});

describe('harnesses', () => {
  const harness = (name: string, installed: boolean) =>
    ({
      name,
      installed: async () =>
        installed
          ? { installed: true, version: '1.0.0', binary: '/x' }
          : { installed: false, message: `npm install ${name}` },
    }) as unknown as Harness;

  test('one is enough; without any it says what to install', async () => {
    const some = await harnessFindings([harness('a', true), harness('b', false)]);
    expect(some.map(({ state }) => state)).toEqual(['good', 'weak']);
    const [none] = await harnessFindings([harness('a', false)]);
    expect(none).toMatchObject({ state: 'missing', advice: ['npm install a'] });
  });
});

test('a machine without strong isolation is fit, one without a database is not', () => {
  expect(isFit([finding('sandbox', 'namespace', 'missing', [])])).toBe(true);
  expect(isFit([finding('machine', 'memory', 'weak', [])])).toBe(true);
  expect(isFit([finding('database', 'PostgreSQL', 'missing', [])])).toBe(false);
});

describe('models', () => {
  test('are told by provider and host, never by key', () => {
    expect(modelFinding({}).notes).toEqual(['the demo model, embedded']);
    const env = {
      OPENROUTER_API_KEY: 'sk-or-secret',
      OPENAI_COMPATIBLE_BASE_URL: 'http://localhost:11434/v1',
    };
    const found = modelFinding(env);
    expect(found).toMatchObject({
      state: 'good',
      notes: [
        'openrouter at openrouter.ai',
        'openai-compatible at localhost:11434 (Chat Completions)',
      ],
    });
    expect(JSON.stringify(found)).not.toContain('secret');
    // Looking takes nothing away.
    expect(env.OPENROUTER_API_KEY).toBe('sk-or-secret');
  });

  test('at an address that is none stop a server from starting', () => {
    const found = modelFinding({ OPENAI_COMPATIBLE_BASE_URL: 'localhost' });
    expect(found).toMatchObject({ state: 'missing' });
  });
});
