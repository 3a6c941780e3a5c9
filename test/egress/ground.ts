import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { NetworkTarget } from '@karta/protocol';
import { createNamespaceDriver, type Sandbox } from '@karta/sandbox';
import { DoorsClient } from '../../packages/data-plane/src/runner/doors/doors-client.ts';
import { openEgress } from '../../packages/data-plane/src/runner/doors/open-egress.ts';
import { startDoors, testAuthority } from '../../packages/doors/src/testing/index.ts';

/** Real doors, real sandboxes and real HTTPS servers, which only names lead to. */
export interface EgressGround {
  /** Where the sandboxes have the certificate of the servers' authority. */
  caInside: string;
  /** A folder for what a test serves. */
  folder(name: string): Promise<string>;
  /** An HTTPS server of that name. Resolves with its port. */
  serve(name: string, handler: RequestListener): Promise<number>;
  /** A sandbox that may reach these. */
  sandbox(allow: readonly NetworkTarget[], secrets?: Record<string, string>): Promise<Sandbox>;
  /** Everything that the doors have logged of connections. */
  connections(): { host: string; port: number; outcome: string; bytes_received: number }[];
  /** Connections that are open now. */
  open(): Promise<number>;
  close(): Promise<void>;
}

const NODE_INSIDE = '/opt/karta/node';
const CA_INSIDE = '/etc/karta-test-ca.pem';
let serial = 0;

/** Makes it. The names in `names` lead to this machine, which the operator of these doors allows. */
export async function egressGround(names: readonly string[]): Promise<EgressGround> {
  const root = await mkdtemp(join(tmpdir(), 'ke-'));
  const [home, runtimeDir, release] = ['home', 'run', 'release'].map((name) => join(root, name));
  await Promise.all([home, runtimeDir, release].map((path) => mkdir(path as string)));
  const authority = await testAuthority();
  const doors = await startDoors({
    egress: {
      allow_private: ['127.0.0.1'],
      dns_servers: [],
      hosts: Object.fromEntries(names.map((name) => [name, ['127.0.0.1']])),
      ca_certificates: [authority.ca],
    },
  });
  const { managementSocket, managementToken } = doors;
  const client = new DoorsClient({ managementSocket, token: managementToken });
  const driver = createNamespaceDriver({ home: home as string, runtimeDir: runtimeDir as string });
  const closing: (() => Promise<unknown>)[] = [];

  return {
    caInside: CA_INSIDE,
    async folder(name) {
      // A test that is tried again gets another.
      return mkdtemp(join(root, `${name}-`));
    },
    async serve(name, handler) {
      const server = https.createServer(await authority.certificateFor(name), handler);
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      closing.push(async () => {
        server.close();
        server.closeAllConnections();
      });
      return (server.address() as AddressInfo).port;
    },
    async sandbox(allow, secrets = {}) {
      serial += 1;
      const id = `sbx_${process.pid}_${serial}`;
      const order = { id, orgId: 'org_1', projectId: 'proj_1', allow, secrets };
      const egress = await openEgress(client, order);
      const sandbox = await driver.create({
        ...{
          id,
          org: 'org_1',
          volumeId: `vol_${process.pid}_${serial}`,
          release: release as string,
        },
        ...{ protectedPaths: [], offers: [], listens: [], hosts: egress.hosts },
        tools: [{ source: process.execPath, target: NODE_INSIDE }],
        files: [{ target: CA_INSIDE, content: authority.ca }],
        limits: { memoryBytes: 2 ** 30, pids: 512, cpus: 2, diskBytes: 512 * 2 ** 20 },
      });
      closing.push(async () => {
        await sandbox.dispose();
        await egress.close();
      });
      return sandbox;
    },
    connections: () =>
      doors
        .log()
        .split('\n')
        .filter((line) => line.includes('"msg":"connection"'))
        .map((line) => JSON.parse(line)),
    async open() {
      const metrics = await (await fetch(`http://127.0.0.1:${doors.metricsPort}/metrics`)).text();
      return Number(/^karta_doors_egress_open_connections (\d+)$/m.exec(metrics)?.[1]);
    },
    async close() {
      await Promise.all(closing.map((close) => close()));
      client.close();
      await doors.stop();
      for (const volume of await driver.volumes()) await driver.destroyVolume(volume);
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** What a command inside said, and how it ended. */
export interface Outcome {
  stdout: string;
  stderr: string;
  code: number | null;
}

/** Runs a shell command inside to its end. */
export async function shell(
  sandbox: Sandbox,
  command: string,
  env: Record<string, string> = {},
): Promise<Outcome> {
  const child = sandbox.spawn({
    argv: ['/bin/sh', '-c', command],
    env: { PATH: '/opt/karta:/usr/local/bin:/usr/bin:/bin', HOME: '/home/agent', ...env },
  });
  child.stdin.end();
  const [stdout, stderr, { code }] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    child.exited,
  ]);
  return { stdout, stderr, code };
}
