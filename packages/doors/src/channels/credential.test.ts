import { once } from 'node:events';
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { carries, newCredential, Secret } from './credential.ts';

const right = newCredential();
const secret = new Secret(right);
const server = createServer((asked, response) => {
  asked.resume();
  response.end(String(carries(secret, asked)));
});
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

it('is looked at with each request of a connection', async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const asked = async (headers: Record<string, string>) => {
    const [answer] = await once(request({ port, agent, headers }).end(), 'response');
    return (await answer.toArray()).join('');
  };
  const wrong = newCredential();
  const said: [Record<string, string>, string][] = [
    [{}, 'false'],
    [{ authorization: `Bearer ${wrong}` }, 'false'],
    [{ authorization: `Bearer ${right}` }, 'true'],
    [{ authorization: `Bearer ${right}` }, 'true'],
    [{ authorization: right }, 'false'],
    [{ authorization: `Bearer ${right}x` }, 'false'],
    [{ authorization: `Bearer ${wrong}` }, 'false'],
    [{ 'x-api-key': right }, 'true'],
    [{ 'x-api-key': wrong }, 'false'],
    [{ 'x-api-key': wrong, authorization: `bearer ${right}` }, 'true'],
    [{}, 'false'],
  ];
  for (const [headers, expected] of said) expect(await asked(headers)).toBe(expected);
  agent.destroy();
});
