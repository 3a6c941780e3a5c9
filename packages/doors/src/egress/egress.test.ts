import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { connect as connectTls } from 'node:tls';
import type { EgressConnection, OpenChannelBody } from '@karta/protocol';
import { type DnsServer, serveDns } from '@karta/service/network/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  type StartedDoors,
  startDoors,
  type TestAuthority,
  testAuthority,
} from '../testing/index.ts';

const SECRET = 'Bearer very-secret-value';
let authority: TestAuthority;
let dns: DnsServer;
let doors: StartedDoors;
/** What the name server answers; every other name does not exist. */
const names = new Map<string, () => string[]>();
const closing: (() => unknown)[] = [];
let serial = 0;

beforeAll(async () => {
  authority = await testAuthority();
  dns = await serveDns((name, type) => {
    const answer = names.get(name);
    return answer === undefined ? null : type === 'A' ? answer() : [];
  });
  doors = await startDoors({
    egress: {
      allow_private: ['127.0.0.1'],
      dns_servers: [dns.address],
      hosts: { 'known.example': ['127.0.0.1'] },
      ca_certificates: [authority.ca],
    },
  });
});
afterEach(async () => {
  names.clear();
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(async () => {
  await doors.stop();
  await dns.close();
});

type Target = NonNullable<OpenChannelBody['egress']>[number];

/** A live channel with these targets; closed with the test. */
async function channelTo(...egress: Target[]) {
  serial += 1;
  const id = `sbx_egress_${serial}`;
  const answer = await doors.management.openChannel({
    ...{ channel_id: id, org_id: 'org_1', project_id: 'proj_1', session_id: `sess_${serial}` },
    ...{ mode: 'live', egress },
  });
  closing.push(() => doors.management.closeChannel(id).catch(() => undefined));
  const sockets = answer.egress.map(({ socket_path }) => socket_path);
  const connections = async (): Promise<EgressConnection[]> => {
    const { body } = await doors.management.send('GET', `/channels/${id}/connections`);
    return (body as { connections: EgressConnection[] }).connections;
  };
  return { id, sockets, socket: sockets[0] as string, connections };
}

async function listen(server: Server, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  closing.push(() => {
    server.close();
    (server as Partial<http.Server>).closeAllConnections?.();
  });
  return (server.address() as AddressInfo).port;
}

const plain = (host: string, port: number): Target => ({ host, port, inject: null });

/** Sends `message`, half-closes, and reads to the end. */
async function ask(socketPath: string, message: string): Promise<string> {
  const socket = connect({ path: socketPath, allowHalfOpen: true });
  socket.end(message);
  return text(socket);
}

/** As `ask`; `null` when the connection was broken off. */
const answerOf = (socketPath: string) => ask(socketPath, 'hello').catch(() => null);

async function fetchOver(
  options: http.RequestOptions,
  body?: string,
): Promise<{ status: number; headers: http.IncomingHttpHeaders; body: string }> {
  const request = http.request(options);
  request.end(body);
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: await text(response),
  };
}

describe('a connection through the egress door', () => {
  it('carries every byte both ways, half-closed too, and is in the log of its session', async () => {
    const port = await listen(
      createServer({ allowHalfOpen: true }, (socket) => {
        socket.pipe(socket);
      }),
    );
    const { socket, connections, id } = await channelTo(plain('known.example', port));
    const message = 'x'.repeat(3_000_000);
    expect(await ask(socket, message)).toBe(message);
    await expect.poll(connections).toHaveLength(1);
    expect((await connections())[0]).toMatchObject({
      ...{ host: 'known.example', port, outcome: 'complete' },
      ...{ bytes_sent: 3_000_000, bytes_received: 3_000_000 },
    });
    await expect
      .poll(() =>
        doors
          .log()
          .split('\n')
          .filter((line) => line.includes(id))
          .map((line) => JSON.parse(line)),
      )
      .toContainEqual(
        expect.objectContaining({ host: 'known.example', port, session: `sess_${serial}` }),
      );
    expect(doors.log()).not.toContain('xxx');
  });

  it('leaves TLS to its two ends', async () => {
    names.set('api.example.com', () => ['127.0.0.1']);
    const certificate = await authority.certificateFor('api.example.com');
    const port = await listen(
      https.createServer(certificate, (_request, response) => response.end('over TLS')),
    );
    const { socket } = await channelTo(plain('api.example.com', port));
    const path = connect(socket);
    const tls = connectTls({ socket: path, servername: 'api.example.com', ca: authority.ca });
    tls.write('GET / HTTP/1.1\r\nhost: api.example.com\r\nconnection: close\r\n\r\n');
    expect(await text(tls)).toContain('over TLS');
    expect(tls.authorized).toBe(true);
  });

  it('is refused when it begins TLS for another host behind the same address', async () => {
    names.set('api.example.com', () => ['127.0.0.1']);
    let met = 0;
    const certificate = await authority.certificateFor('api.example.com');
    const port = await listen(
      https.createServer(certificate, (_request, response) => {
        met += 1;
        response.end('over TLS');
      }),
    );
    const { socket, connections } = await channelTo(plain('api.example.com', port));
    const asked = async (way: Socket, servername: string) => {
      const tls = connectTls({
        ...{ socket: way, servername, ca: authority.ca },
        // Whoever asks for another name expects that one's certificate.
        checkServerIdentity: () => undefined,
      });
      tls.write('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n');
      return text(tls).catch(() => '');
    };
    const through = (servername: string) => asked(connect(socket), servername);
    // The server itself answers to any name.
    expect(await asked(connect(port, '127.0.0.1'), 'evil.example.com')).toContain('over TLS');
    expect(await through('API.example.com')).toContain('over TLS');
    expect(await through('evil.example.com')).toBe('');
    expect(await through('example.com')).toBe('');
    expect(met).toBe(2);
    // Some servers pass over an alert, and take the name that comes after it.
    const alerted = connect(socket).on('error', () => {});
    alerted.write(Buffer.from([21, 3, 1, 0, 2, 1, 90]));
    expect(await asked(alerted, 'evil.example.com')).toBe('');
    const outcomes = async () => (await connections()).map(({ outcome }) => outcome).sort();
    await expect.poll(outcomes).toEqual(['complete', 'other_name', 'other_name', 'other_name']);
  });

  it('goes to its own host, whatever is said on it', async () => {
    const port = await listen(createServer((socket) => socket.end('mine')));
    const other = await listen(createServer((socket) => socket.end('other')));
    const { sockets } = await channelTo(
      plain('known.example', port),
      plain('known.example', other),
    );
    const said = `CONNECT 127.0.0.1:${other} HTTP/1.1\r\nhost: 127.0.0.1:${other}\r\n\r\n`;
    const answers = await Promise.all(sockets.map((socket) => ask(socket, said)));
    expect(answers).toEqual(['mine', 'other']);
  });

  it('is cut when its channel closes', async () => {
    const port = await listen(createServer((socket) => socket.write('begun')));
    const { socket, id } = await channelTo(plain('known.example', port));
    const client = connect(socket);
    await once(client, 'data');
    const closed = once(client, 'close');
    await doors.management.closeChannel(id);
    await closed;
    expect(await answerOf(socket)).toBeNull();
  });
});

describe('what a name leads to', () => {
  const forbidden = [
    ...['127.0.0.2', '0.0.0.0', '10.0.0.1', '100.100.100.200', '169.254.169.254', '172.16.0.1'],
    ...['192.168.0.1', '224.0.0.1', '255.255.255.255'],
  ];

  it('is refused when it is not public, with a control that is', async () => {
    const port = await listen(
      createServer((socket) => socket.end('reached')),
      '0.0.0.0',
    );
    const targets = forbidden.map((address, at) => {
      names.set(`trick${at}.example`, () => [address]);
      return plain(`trick${at}.example`, port);
    });
    names.set('control.example', () => ['127.0.0.1']);
    const { sockets, connections } = await channelTo(...targets, plain('control.example', port));
    const answers = await Promise.all(sockets.map(answerOf));
    expect(answers.pop()).toBe('reached');
    expect(answers).not.toContain('reached');
    await expect.poll(connections).toHaveLength(forbidden.length + 1);
    const outcomes = (await connections()).map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === 'forbidden_address')).toHaveLength(
      forbidden.length,
    );
  });

  it('is looked at again for each connection, and never between the look and the connection', async () => {
    const reached: string[] = [];
    const server = createServer((socket) => {
      reached.push(socket.localAddress ?? '');
      socket.end('reached');
    });
    const port = await listen(server, '0.0.0.0');
    let looks = 0;
    names.set('rebind.example', () => {
      looks += 1;
      return [looks % 2 === 1 ? '127.0.0.1' : '127.0.0.2'];
    });
    const { socket, connections } = await channelTo(plain('rebind.example', port));
    for (let round = 0; round < 6; round += 1) await answerOf(socket);
    await expect.poll(connections).toHaveLength(6);
    expect(new Set(reached)).toEqual(new Set(['127.0.0.1']));
    expect((await connections()).map(({ outcome }) => outcome === 'forbidden_address')).toEqual([
      ...[false, true, false, true, false, true],
    ]);
  });

  it('is told when there is no such name, or nobody answers there', async () => {
    const port = await listen(createServer());
    const { sockets, connections } = await channelTo(
      plain('absent.example', port),
      plain('known.example', 1),
    );
    expect(await Promise.all(sockets.map(answerOf))).not.toContain('reached');
    await expect.poll(connections).toHaveLength(2);
    const outcomes = (await connections()).map(({ outcome }) => outcome);
    expect(outcomes.sort()).toEqual(['unreachable', 'unresolved']);
  });
});

describe('a flood of connections', () => {
  it('is held to its limits, and the other sandboxes do not notice', async () => {
    const held: Socket[] = [];
    const port = await listen(
      createServer((socket) => {
        held.push(socket);
        socket.on('error', () => socket.destroy());
        socket.write('in');
      }),
    );
    const { socket, connections } = await channelTo(plain('known.example', port));
    const flood = Array.from({ length: 1_000 }, () => connect(socket));
    for (const client of flood) client.on('error', () => client.destroy());
    await expect.poll(() => flood.filter(({ destroyed }) => destroyed).length).toBeGreaterThan(700);
    expect(held.length).toBeLessThanOrEqual(200);
    const other = await channelTo(plain('known.example', port));
    const neighbour = connect(other.socket);
    expect(String((await once(neighbour, 'data'))[0])).toBe('in');
    neighbour.destroy();
    expect((await connections()).filter(({ outcome }) => outcome === 'limit')).toHaveLength(1);
    for (const client of [...flood, ...held]) client.destroy();
    const metrics = `http://127.0.0.1:${doors.metricsPort}/metrics`;
    await expect
      .poll(async () => (await fetch(metrics)).text())
      .toContain('karta_doors_egress_open_connections 0');
  });
});

describe('a host with a header to add', () => {
  const inject = { header: 'Authorization', value: SECRET };

  async function secretServer(...given: Parameters<typeof https.createServer> | []) {
    names.set('api.example.com', () => ['127.0.0.1']);
    const seen: http.IncomingMessage[] = [];
    const bodies: string[] = [];
    const certificate = await authority.certificateFor('api.example.com');
    const handler = (given[1] ??
      ((_request: unknown, response: http.ServerResponse) => {
        response.setHeader('x-answer', 'yes').end('answered');
      })) as http.RequestListener;
    const port = await listen(
      https.createServer(given[0] ?? certificate, async (request, response) => {
        seen.push(request);
        bodies.push(await text(request));
        handler(request, response);
      }),
    );
    return { port, seen, bodies };
  }

  it('gets plain requests over TLS with the header, which the sandbox neither sees nor chooses', async () => {
    const { port, seen, bodies } = await secretServer();
    const { socket, connections } = await channelTo({ host: 'api.example.com', port, inject });
    const options = {
      socketPath: socket,
      method: 'POST',
      path: '/v1/things?a=1',
      headers: {
        host: 'evil.example',
        authorization: 'Bearer mine',
        'x-own': 'kept',
        connection: 'x-hop',
        'x-hop': '1',
      },
    };
    const answer = await fetchOver(options, 'the body');
    expect(answer).toMatchObject({ status: 200, body: 'answered', headers: { 'x-answer': 'yes' } });
    expect(bodies).toEqual(['the body']);
    expect(seen[0]?.url).toBe('/v1/things?a=1');
    expect(seen[0]?.headers).toMatchObject({
      ...{ authorization: SECRET, host: `api.example.com:${port}`, 'x-own': 'kept' },
    });
    expect(seen[0]?.headers).not.toHaveProperty('x-hop');
    expect(JSON.stringify(answer)).not.toContain('very-secret');
    await expect.poll(connections).toHaveLength(1);
    expect((await connections())[0]).toMatchObject({
      bytes_sent: 8,
      bytes_received: 8,
      outcome: 'complete',
    });
    expect(doors.log()).not.toContain('very-secret');
  });

  it('never gets it before it has proved who it is', async () => {
    const foreign = await (await testAuthority()).certificateFor('api.example.com');
    const wrongName = await authority.certificateFor('other.example.com');
    for (const certificate of [foreign, wrongName]) {
      const { port, seen } = await secretServer(certificate);
      const { socket, connections } = await channelTo({ host: 'api.example.com', port, inject });
      const answer = await fetchOver({ socketPath: socket, path: '/' });
      expect(answer.status).toBe(502);
      expect(JSON.parse(answer.body)).toMatchObject({ error: 'tls_failed' });
      expect(seen).toEqual([]);
      expect((await connections())[0]).toMatchObject({ outcome: 'tls_failed' });
    }
  });

  it('may send elsewhere, where nobody follows', async () => {
    const location = 'http://169.254.169.254/latest/meta-data/';
    const certificate = await authority.certificateFor('api.example.com');
    const { port, seen } = await secretServer(certificate, (_request, response) => {
      response.writeHead(302, { location }).end();
    });
    const { socket } = await channelTo({ host: 'api.example.com', port, inject });
    const answer = await fetchOver({ socketPath: socket, path: '/' });
    expect(answer).toMatchObject({ status: 302, headers: { location } });
    expect(seen).toHaveLength(1);
  });

  it('answers a request for another place itself, an upgrade, and one to be repeated', async () => {
    const { port, seen } = await secretServer();
    const { socket } = await channelTo({ host: 'api.example.com', port, inject });
    const absolute = await fetchOver({ socketPath: socket, path: 'http://evil.example/' });
    expect(absolute.status).toBe(400);
    const repeated = await fetchOver({ socketPath: socket, method: 'TRACE', path: '/' });
    expect(repeated.status).toBe(405);
    const upgrade =
      'GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
    expect(await ask(socket, upgrade)).toMatch(/^HTTP\/1\.1 501 /);
    expect(await ask(socket, 'CONNECT evil.example:443 HTTP/1.1\r\nhost: x\r\n\r\n')).toBe('');
    expect(seen).toEqual([]);
  });

  it('streams an answer as it comes', async () => {
    const certificate = await authority.certificateFor('api.example.com');
    let finish: () => void = () => undefined;
    const { port } = await secretServer(certificate, (_request, response) => {
      response.write('first');
      finish = () => response.end('last');
    });
    const { socket } = await channelTo({ host: 'api.example.com', port, inject });
    const request = http.get({ socketPath: socket, path: '/' });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(String((await once(response, 'data'))[0])).toBe('first');
    finish();
    expect(await text(response)).toBe('last');
  });

  it('has no value that could end the header', async () => {
    const bad = { header: 'authorization', value: 'a\r\nx-evil: 1' };
    await expect(channelTo({ host: 'api.example.com', port: 443, inject: bad })).rejects.toThrow(
      '422',
    );
  });
});
