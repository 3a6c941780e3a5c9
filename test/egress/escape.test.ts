import { networkInterfaces } from 'node:os';
import type { Sandbox } from '@karta/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { CHANNEL_EGRESS } from '../../packages/doors/src/egress/limits.ts';
import { type EgressGround, egressGround, shell } from './ground.ts';

/** Attacks of code inside against the egress door, each beside a control that must succeed. */
let ground: EgressGround;
let port: number;
let sandbox: Sandbox;
let requests = 0;

beforeAll(async () => {
  ground = await egressGround(['api.example.com', 'other.example.com', 'private.example.com']);
  port = await ground.serve('api.example.com', (request, response) => {
    requests += 1;
    if (request.url === '/away') {
      response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data/' }).end();
    } else response.end('reached');
  });
  sandbox = await ground.sandbox([{ host: 'api.example.com', port, inject: null }]);
});
afterAll(() => ground.close());

const curl = (at: Sandbox, url: string, options = '') =>
  shell(at, `curl -s -m 5 --cacert ${ground.caInside} ${options} ${url}`);

async function reached(url: string, options = ''): Promise<boolean> {
  return (await curl(sandbox, url, options)).stdout.includes('reached');
}

test('only the allowed host and port answer', async () => {
  expect(await reached(`https://api.example.com:${port}/`), 'control').toBe(true);
  const before = requests;
  const own = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const addresses = ['127.0.0.1', ...own.map(({ address }) => address)].filter(
    (address) => !address.includes(':'),
  );
  for (const address of addresses) {
    // The very server, by its address instead of its name.
    const pinned = `--resolve api.example.com:${port}:${address}`;
    expect(await reached(`https://api.example.com:${port}/`, pinned), address).toBe(false);
    expect(await reached(`https://${address}:${port}/`, '-k'), address).toBe(false);
  }
  for (const name of [
    'other.example.com',
    'api.example.com.',
    'localhost',
    'private.example.com',
  ]) {
    expect(await reached(`https://${name}:${port}/`, '-k'), name).toBe(false);
  }
  expect(await reached('https://api.example.com/', '-k')).toBe(false);
  expect(requests).toBe(before);
});

test('tricks with names and proxies lead nowhere', async () => {
  const tricks = [
    ['https://2130706433/', ''],
    [`https://0x7f000001:${port}/`, '-k'],
    [`https://[::ffff:127.0.0.1]:${port}/`, '-k'],
    [`https://[::1]:${port}/`, '-k'],
    [`https://other.example.com:${port}/`, `-k --proxy http://api.example.com:${port}`],
    [`https://other.example.com:${port}/`, `-k --socks5-hostname api.example.com:${port}`],
    [`https://other.example.com:${port}/`, '-k --doh-url https://1.1.1.1/dns-query'],
    [`https://other.example.com:${port}/`, '-k --dns-servers 1.1.1.1'],
  ] as const;
  for (const [url, options] of tricks) expect(await reached(url, options), url).toBe(false);
  expect(await reached(`https://api.example.com:${port}/`), 'control').toBe(true);
});

test('a redirect to the metadata service is an answer, not a way', async () => {
  const shown = await curl(sandbox, `https://api.example.com:${port}/away`, '-i');
  expect(shown.stdout, 'control: the redirect is seen').toContain('169.254.169.254');
  const followed = await curl(sandbox, `https://api.example.com:${port}/away`, '-L -w %{exitcode}');
  expect(followed.stdout).toBe('7');
});

test('the hosts inside cannot be changed to lead elsewhere', async () => {
  const { code } = await shell(sandbox, 'echo 127.0.1.1 other.example.com >> /etc/hosts');
  expect(code).not.toBe(0);
  // The place is the same under every name, and TLS that asks for another is cut.
  const alias = `--resolve other.example.com:${port}:127.0.1.1 -k`;
  expect(await reached(`https://other.example.com:${port}/`, alias)).toBe(false);
  expect(ground.connections().every(({ host }) => host === 'api.example.com')).toBe(true);
});

test('the channels of another sandbox are out of reach', async () => {
  const other = await ground.sandbox([]);
  const look = 'find /run /tmp /home /opt /workspace -type s 2>/dev/null; ls /run/karta/offer';
  expect((await shell(sandbox, look)).stdout, 'control: its own is seen').toContain('host-0.sock');
  expect((await shell(other, look)).stdout).not.toContain('host-');
  expect((await curl(other, `https://api.example.com:${port}/`)).stdout).toBe('');
});

test('a flood from inside ends in its own limits', async () => {
  const flooded = await ground.sandbox([{ host: 'api.example.com', port, inject: null }]);
  const flood = `
    const net = require('node:net');
    const one = () => new Promise((resolve) => {
      const socket = net.connect(${port}, 'api.example.com');
      socket.on('error', () => {});
      socket.on('close', resolve);
      setTimeout(() => socket.destroy(), 300);
    });
    (async () => {
      for (let round = 0; round < 4; round += 1) {
        await Promise.all(Array.from({ length: 1000 }, one));
      }
      console.log('done');
    })();`;
  let most = 0;
  let over = false;
  const flooding = shell(flooded, 'node -e "$FLOOD"', { FLOOD: flood }).finally(() => {
    over = true;
  });
  while (!over) {
    // Meanwhile the neighbour is served.
    expect(await reached(`https://api.example.com:${port}/`)).toBe(true);
    most = Math.max(most, await ground.open());
  }
  expect((await flooding).stdout).toBe('done\n');
  expect(most, 'control: the flood came through').toBeGreaterThan(20);
  expect(most).toBeLessThanOrEqual(CHANNEL_EGRESS);
  await flooded.dispose();
  await expect.poll(() => ground.open()).toBe(0);
});
