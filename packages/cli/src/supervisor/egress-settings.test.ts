import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { egressConfig } from '../../../doors/src/egress/config.ts';
import { testAuthority } from '../../../doors/src/testing/index.ts';
import { egressSettings } from './egress-settings.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'karta-egress-'));
});
afterAll(() => rm(folder, { recursive: true }));

it('opens nothing of the own network unless told to', async () => {
  expect(await egressSettings({})).toEqual(egressConfig.parse({}));
});

it('reads what an operator opens, as the doors take it', async () => {
  const [one, two] = [await testAuthority(), await testAuthority()];
  const path = join(folder, 'ca.pem');
  await writeFile(path, `# ours\n${one.ca}\n${two.ca}\n`);
  const settings = await egressSettings({
    KARTA_EGRESS_PRIVATE: '10.1.0.0/16, 127.0.0.1',
    KARTA_EGRESS_DNS: '10.1.0.53',
    KARTA_EGRESS_HOSTS: 'MCP.internal=10.1.2.3, mcp.internal=10.1.2.4',
    KARTA_EGRESS_CA: path,
  });
  expect(settings).toMatchObject({
    allow_private: ['10.1.0.0/16', '127.0.0.1'],
    dns_servers: ['10.1.0.53'],
    hosts: { 'mcp.internal': ['10.1.2.3', '10.1.2.4'] },
  });
  expect(settings.ca_certificates).toHaveLength(2);
  expect(egressConfig.parse(settings)).toEqual(settings);
});

it.each([
  [{ KARTA_EGRESS_PRIVATE: 'all' }, 'KARTA_EGRESS_PRIVATE'],
  [{ KARTA_EGRESS_HOSTS: 'mcp.internal' }, 'KARTA_EGRESS_HOSTS'],
  [{ KARTA_EGRESS_CA: '/nowhere/ca.pem' }, '/nowhere/ca.pem'],
])('says what cannot be used: %j', async (environment, named) => {
  await expect(egressSettings(environment)).rejects.toThrow(named);
});
