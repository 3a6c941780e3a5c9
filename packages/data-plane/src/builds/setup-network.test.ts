import { once } from 'node:events';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createHarnesses } from '@karta/harness';
import { pack } from 'tar-stream';
import { expect, onTestFinished, test } from 'vitest';
import { startDoors } from '../../../doors/src/testing/index.ts';
import { problemText } from '../releases/problem.ts';
import { tempFolder } from '../releases/testing/temp-folder.ts';
import { DoorsClient } from '../runner/doors/doors-client.ts';
import { openEgress } from '../runner/doors/open-egress.ts';
import { createBuilder } from './builder.ts';

test('setup reaches what [build] allow names, and nothing else', async () => {
  const server = createServer((_request, response) => response.end('flour')).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const hosts = { 'mill.example.com': ['127.0.0.1'], 'other.example.com': ['127.0.0.1'] };
  const doors = await startDoors({
    egress: { allow_private: ['127.0.0.1'], dns_servers: [], hosts, ca_certificates: [] },
  });
  onTestFinished(() => doors.stop());
  const client = new DoorsClient({
    managementSocket: doors.managementSocket,
    token: doors.managementToken,
  });
  onTestFinished(() => client.close());
  const home = await tempFolder('kb-');
  const runtimeDir = join(home, 'run');
  await mkdir(runtimeDir, { mode: 0o700 });
  const builder = createBuilder({
    ...{ home, runtimeDir, sandbox: 'namespace', allowUnsandboxed: false },
    harnesses: [...createHarnesses().values()],
    upstreams: async () => (await client.upstreams()).upstreams,
    openEgress: (request) => openEgress(client, request),
  });
  const fetched = (name: string) => `curl -s -m 5 http://${name}:${port}/ > ${name}.txt`;
  const archive = pack();
  archive.entry({ name: 'AGENTS.md' }, 'You bake.');
  archive.entry(
    { name: 'karta.toml' },
    `[build]
setup = "${fetched('mill.example.com')}; ${fetched('other.example.com')}; echo over"
allow = ["mill.example.com:${port}"]
`,
  );
  archive.finalize();
  const target = join(home, 'tree');
  await mkdir(target);
  const log: string[] = [];
  const outcome = await builder.build(
    {
      ...{ archive, owner: { orgId: 'org_1', projectId: 'proj_1' }, fallbackName: 'app' },
      env: { plain: {}, secret: [] },
      log: (text) => void log.push(text),
      signal: new AbortController().signal,
    },
    target,
  );
  if (!outcome.ok) throw new Error(outcome.problems.map(problemText).join('\n'));
  const setUp = log.slice(log.findIndex((line) => line.startsWith('setup may reach')));
  expect(setUp).toEqual([
    `setup may reach mill.example.com:${port}`,
    expect.stringMatching(/^\$ curl/),
    'over',
    expect.stringMatching(/^setup took /),
  ]);
  expect(await readFile(join(target, 'mill.example.com.txt'), 'utf8')).toBe('flour');
  expect(await readFile(join(target, 'other.example.com.txt'), 'utf8')).toBe('');
  expect(outcome.facts.content_digest).not.toBe(outcome.image.manifest.digest);
  expect(outcome.facts.config.network_allow, 'what runs later may not').toEqual([]);
  expect(await readdir(join(home, 'builder/volumes'))).toEqual([]);
});
