import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { addressPolicy } from './address-policy.ts';
import { guardedConnect } from './guarded-connect.ts';
import { createNameResolver } from './name-resolver.ts';
import { type DnsServer, serveDns } from './testing/dns-server.ts';

const LOOPBACK = addressPolicy(['127.0.0.1']);
const open: (Server | DnsServer)[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function listening(host = '127.0.0.1'): Promise<number> {
  const server = createServer((socket) => socket.end(`at ${socket.localAddress}`)).listen(0, host);
  open.push(server);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function dns(...given: Parameters<typeof serveDns>): Promise<DnsServer> {
  const server = await serveDns(...given);
  open.push(server);
  return server;
}

async function answerOf(options: Parameters<typeof guardedConnect>[0]): Promise<string> {
  const socket = await guardedConnect(options);
  return (await socket.setEncoding('utf8').toArray()).join('');
}

describe('a connection to a host that somebody named', () => {
  it('goes to an address of the name', async () => {
    const port = await listening();
    const server = await dns(() => ['127.0.0.1']);
    const resolver = createNameResolver({ servers: [server.address] });
    const order = { host: 'api.example.com', port, policy: LOOPBACK, resolver, timeoutMs: 5_000 };
    expect(await answerOf(order)).toBe('at 127.0.0.1');
  });

  it('is refused when the name leads to no public address, before anything is connected', async () => {
    const port = await listening();
    const server = await dns(() => ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', 'fd00::1']);
    const resolver = createNameResolver({ servers: [server.address] });
    const order = { host: 'x.example', port, policy: addressPolicy(), resolver, timeoutMs: 5_000 };
    await expect(guardedConnect(order)).rejects.toMatchObject({ fault: 'forbidden_address' });
    const control = { ...order, policy: LOOPBACK };
    expect(await answerOf(control)).toBe('at 127.0.0.1');
  });

  it('stays with what was looked at, whatever the name answers next', async () => {
    const port = await listening();
    await listening('127.0.0.2');
    let answers = 0;
    const server = await dns((_, type) => {
      if (type === 'AAAA') return [];
      answers += 1;
      return answers === 1 ? ['127.0.0.1'] : ['127.0.0.2'];
    });
    const resolver = createNameResolver({ servers: [server.address] });
    const order = { host: 'rebind.example', port, policy: LOOPBACK, resolver, timeoutMs: 5_000 };
    expect(await answerOf(order)).toBe('at 127.0.0.1');
    await expect(guardedConnect(order)).rejects.toMatchObject({ fault: 'forbidden_address' });
    expect(server.asked.filter((question) => question.endsWith(' A'))).toHaveLength(2);
  });

  it('leaves out the addresses that are refused', async () => {
    const port = await listening();
    const server = await dns(() => ['127.0.0.2', '10.0.0.1', '127.0.0.1']);
    const resolver = createNameResolver({ servers: [server.address] });
    const order = { host: 'mixed.example', port, policy: LOOPBACK, resolver, timeoutMs: 5_000 };
    expect(await answerOf(order)).toBe('at 127.0.0.1');
  });

  it('tells an absent name, a silent server and a closed port apart', async () => {
    const server = await dns((name) => {
      if (name === 'absent.example') return null;
      return name === 'silent.example' ? 'silence' : ['127.0.0.1'];
    });
    const resolver = createNameResolver({ servers: [server.address] });
    const order = { port: 1, policy: LOOPBACK, resolver, timeoutMs: 300 };
    const fault = (host: string) =>
      guardedConnect({ ...order, host }).catch((error) => error.fault);
    expect(await fault('absent.example')).toBe('unresolved');
    expect(await fault('silent.example')).toBe('unresolved');
    expect(await fault('closed.example')).toBe('unreachable');
  });

  it('ends when its caller gives up', async () => {
    const server = await dns(() => 'silence');
    const resolver = createNameResolver({ servers: [server.address] });
    const gone = new AbortController();
    const order = { host: 'x.example', port: 1, policy: LOOPBACK, resolver, timeoutMs: 60_000 };
    const connecting = guardedConnect({ ...order, signal: gone.signal });
    gone.abort(new Error('gone'));
    await expect(connecting).rejects.toThrow('gone');
  });

  it('knows the names that the operator has named', async () => {
    const port = await listening();
    const resolver = createNameResolver({ hosts: { 'mcp.internal': ['127.0.0.1'] } });
    const order = { host: 'mcp.internal', port, policy: LOOPBACK, resolver, timeoutMs: 5_000 };
    expect(await answerOf(order)).toBe('at 127.0.0.1');
    expect(await resolver.addresses('10.0.0.9')).toEqual(['10.0.0.9']);
  });
});
