import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { addressPolicy, createNameResolver } from '@karta/service/network';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type TestAuthority, testAuthority } from '../testing/certificates.ts';
import { guardedConnector } from './guarded-connector.ts';
import { providerConnection } from './provider-connection.ts';

const NAME = 'api.example.com';
const never = new AbortController().signal;
const REQUEST = { method: 'POST' as const, path: '/x', headers: {}, body: Buffer.from('{}') };

let authority: TestAuthority;
let trusted: string[];
beforeAll(async () => {
  authority = await testAuthority();
});
beforeEach(() => {
  trusted = getCACertificates('default');
});

let server: http.Server;
afterEach(async () => {
  setDefaultCACertificates(trusted);
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** A server on loopback, and connections to it by name that may go to 127.0.0.1 alone. */
async function reached(protocol: 'http' | 'https', by: string, certified = NAME) {
  const answer: http.RequestListener = (request, response) => {
    response.end(`${request.headers.host} at ${request.socket.localAddress}`);
  };
  server =
    protocol === 'http'
      ? http.createServer(answer)
      : https.createServer(await authority.certificateFor(certified), answer);
  await once(server.listen(0, '0.0.0.0'), 'listening');
  let connections = 0;
  server.on('connection', () => {
    connections += 1;
  });
  const { port } = server.address() as AddressInfo;
  const hosts: Record<string, string[]> = { [NAME]: ['127.0.0.2', '127.0.0.1'] };
  const resolver = createNameResolver({ hosts });
  const connect = guardedConnector({ policy: addressPolicy(['127.0.0.1']), resolver });
  const connection = providerConnection({ baseUrl: `${protocol}://${by}:${port}`, connect });
  const said = async () => {
    const { body } = await connection.send(REQUEST, never);
    return text(body);
  };
  return { port, hosts, said, close: connection.close, connections: () => connections };
}

const NOT_SENT = { name: 'UpstreamError', sent: false };

describe('connections to where a customer has said', () => {
  it.each(['http', 'https'] as const)('go to an allowed address of the name, by %s', async (by) => {
    setDefaultCACertificates([...trusted, authority.ca]);
    const { port, said, close, connections } = await reached(by, NAME);
    for (let call = 0; call < 2; call += 1) {
      expect(await said()).toBe(`${NAME}:${port} at 127.0.0.1`);
    }
    expect(connections()).toBe(1);
    close();
  });

  it('are looked at each time that one is made', async () => {
    const { hosts, said: call, connections } = await reached('http', NAME);
    expect(await call()).toContain('127.0.0.1');
    hosts[NAME] = ['127.0.0.2'];
    const said = () => {
      server.closeIdleConnections();
      return call().catch((error: unknown) => error);
    };
    await expect.poll(said).toMatchObject(NOT_SENT);
    expect(connections()).toBe(1);
  });

  it.each(['127.0.0.2', '[::1]'])('never go to %s', async (host) => {
    const { said, connections } = await reached('http', host);
    await expect(said()).rejects.toMatchObject(NOT_SENT);
    expect(connections()).toBe(0);
  });

  it.each([
    ['of another name', 'other.example.com', true],
    ['that nobody trusts', NAME, false],
  ])('send nothing to whom shows a certificate %s', async (_, certified, trust) => {
    if (trust) setDefaultCACertificates([...trusted, authority.ca]);
    const { said } = await reached('https', NAME, certified);
    await expect(said()).rejects.toMatchObject(NOT_SENT);
  });
});
