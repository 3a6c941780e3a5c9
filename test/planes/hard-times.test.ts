import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { Karta } from '@karta/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { archiveOf } from './archive.ts';
import { type Builder, builderOn } from './builder.ts';
import { startTwoPlanes, type TwoPlanes } from './two-planes.ts';

let planes: TwoPlanes;
let builder: Builder;

beforeAll(async () => {
  planes = await startTwoPlanes();
  builder = builderOn(planes);
  await builder.publish('shop', await archiveOf({ 'AGENTS.md': 'You sell tea.' }));
});
afterAll(() => planes?.stop());

test('an upload that is said to be of 2 GB is refused before it is sent', async () => {
  const sent = request(`${planes.control.url}/v1/projects/shop/releases`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${planes.apiKey}`,
      'content-type': 'application/x-tar',
      'content-length': String(2 * 1024 ** 3),
    },
  });
  sent.on('error', () => {});
  sent.flushHeaders();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  expect(response.statusCode).toBe(413);
  expect(await json(response)).toMatchObject({ error: 'payload_too_large' });
  sent.destroy();
});

test('a build log that was cut goes on after the last line that arrived', async () => {
  const setup = '[build]\nsetup = "for n in 1 2 3 4 5; do echo line $n; done"\n';
  const begun = await builder.upload(
    'shop',
    await archiveOf({ 'AGENTS.md': 'You sell coffee.', 'karta.toml': setup }),
  );
  const { id } = (await begun.json()) as { id: string };
  const url = `${planes.control.url}/v1/projects/shop/builds/${id}/log`;
  const headers = { authorization: `Bearer ${planes.apiKey}` };

  // Cut at once, while the build goes on.
  const cut = new AbortController();
  const first = await fetch(url, { headers, signal: cut.signal });
  const reader = (first.body as ReadableStream<Uint8Array>).getReader();
  const { value } = await reader.read();
  cut.abort();
  const seen = idsOf(Buffer.from(value ?? []).toString());
  const last = seen.at(-1) ?? 0;
  const rest = await (
    await fetch(url, { headers: { ...headers, 'last-event-id': String(last) } })
  ).text();
  const whole = await (await fetch(url, { headers })).text();
  expect([...seen, ...idsOf(rest)]).toEqual(idsOf(whole));
  expect(idsOf(whole)).toEqual(idsOf(whole).map((_, at) => at + 1));
  expect(whole).toContain('line 5');
  expect(rest).toContain('event: build');
});

test('both planes restart under load, and no request of a client that retries fails', async () => {
  const ports = { data: portOf(planes.data.url), control: portOf(planes.control.url) };
  const karta = new Karta({
    apiKey: planes.apiKey,
    baseUrl: planes.data.url,
    controlUrl: planes.control.url,
    // A start takes as long as the machine lets it.
    maxRetries: 100,
    backoff: { firstMs: 50, maxMs: 500 },
  });
  let going = true;
  const made: string[] = [];
  const counts = { data: 0, control: 0 };
  const onData = async () => {
    while (going) {
      const session = await karta.sessions.create({ metadata: { load: true } });
      made.push(session.id);
      counts.data += 1;
    }
  };
  const onControl = async () => {
    while (going) {
      for await (const project of karta.projects.list()) expect(project.ref).toBe('shop');
      counts.control += 1;
    }
  };
  const clients = [onData(), onData(), onControl(), onControl()];
  const failed = Promise.race(clients.map((client) => client.then(() => null)));
  failed.catch(() => {});
  const more = async (what: keyof typeof counts) => {
    const before = counts[what];
    await Promise.race([
      failed,
      expect.poll(() => counts[what], { timeout: 60_000 }).toBeGreaterThan(before + 5),
    ]);
  };
  try {
    await more('data');
    await planes.stopControl();
    await more('data');
    await planes.stopData();
    await Promise.all([
      planes.startData({ port: ports.data }),
      planes.startControl({ port: ports.control }),
    ]);
    await more('data');
    await more('control');
  } finally {
    going = false;
  }
  await Promise.all(clients);
  // What was answered is there: nothing was made twice, nothing was lost.
  expect(new Set(made).size).toBe(made.length);
  const listed = new Set<string>();
  for await (const session of karta.sessions.list({ metadata: { load: true } })) {
    listed.add(session.id);
  }
  expect([...listed].sort()).toEqual([...made].sort());
});

test.runIf(process.getuid?.() === 0)(
  'a full disk of the node refuses a publish and says so, leaves nothing, and takes the next',
  async () => {
    const releases = join(planes.nodeHome, 'releases');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'karta-test', releases]);
    try {
      const big = { 'AGENTS.md': 'You sell much.', 'big.txt': 'x'.repeat(600_000) };
      const refused = await builder.publish('bulky', await archiveOf(big));
      expect(refused).toMatchObject({ status: 'failed', release: null });
      expect(refused.problems.map(({ message }) => message)).toEqual([
        expect.stringContaining('the disk of the server that builds is full'),
      ]);
      expect(await readdir(releases)).toEqual([]);
      expect(await readdir(join(planes.nodeHome, 'builder/volumes'))).toEqual([]);
      const small = await builder.publish('bulky', await archiveOf({ 'AGENTS.md': 'Little.' }));
      expect(small).toMatchObject({ status: 'succeeded', release: { version: 'v1' } });
    } finally {
      execFileSync('umount', ['--lazy', releases]);
    }
  },
);

function portOf(url: string): number {
  return Number(new URL(url).port);
}

function idsOf(events: string): number[] {
  return [...events.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
}
