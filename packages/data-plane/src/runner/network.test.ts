import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import { expect, onTestFinished, test } from 'vitest';
import { testAuthority } from '../../../doors/src/testing/index.ts';
import { newSession, runnerGround, runTurnOn, scripted } from './testing/runner-ground.ts';
import { HARNESS } from './testing/runner-harness.ts';

const HOST = 'mcp.example.com';
const SECRET = 'mcp-secret-value';

/** A remote MCP server with one tool, open to whoever has the secret. */
async function bakery(certificate: { key: string; cert: string }): Promise<number> {
  const server = https.createServer(certificate, async (request, response) => {
    if (request.headers.authorization !== `Bearer ${SECRET}`) {
      response.writeHead(401).end();
      return;
    }
    const mcp = new McpServer({ name: 'bakery', version: '1.0.0' });
    mcp.registerTool('price', { description: 'The price of a loaf.' }, async () => ({
      content: [{ type: 'text', text: 'a loaf is 4.20' }],
    }));
    const transport = new StreamableHTTPServerTransport();
    response.on('close', () => void transport.close());
    await mcp.connect(transport as Parameters<typeof mcp.connect>[0]);
    await transport.handleRequest(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
}

test('a harness uses a remote MCP server of an allowed host, whose secret it never sees', async () => {
  const authority = await testAuthority();
  const port = await bakery(await authority.certificateFor(HOST));
  const ground = await runnerGround({
    egress: {
      allow_private: ['127.0.0.1'],
      dns_servers: [],
      hosts: { [HOST]: ['127.0.0.1'] },
      ca_certificates: [authority.ca],
    },
  });
  const url = `http://${HOST}/mcp`;
  const claude = HARNESS.id === 'claude-code';
  const release = await ground.publish({
    ...(claude
      ? {
          '.mcp.json': JSON.stringify({ mcpServers: { bakery: { type: 'http', url } } }),
          '.claude/settings.json': '{"permissions":{"allow":["Bash","mcp__bakery__price"]}}\n',
        }
      : { 'opencode.json': JSON.stringify({ mcp: { bakery: { type: 'remote', url } } }) }),
    'karta.toml': `
[env]
MCP_TOKEN = { secret = true }
[network]
allow = [{ host = "${HOST}:${port}", inject = { header = "authorization", secret = "MCP_TOKEN", prefix = "Bearer " } }]
`,
  });
  const runner = await ground.runner([release], { environment: { MCP_TOKEN: SECRET } });
  const session = newSession(release);
  const harness = await runner.attach(session, () => undefined);
  const price = { name: claude ? 'mcp__bakery__price' : 'bakery_price', input: {} };
  const look = HARNESS.shell(
    `env; getent hosts ${HOST}; curl -s -o /dev/null -m 3 https://example.com; echo $?`,
  );
  const { events, text } = await runTurnOn(
    harness,
    scripted({ tools: [price] }, { tools: [look] }, { text: 'done' }),
  );
  const results = events.flatMap((event) => (event.type === 'tool_result' ? [event.output] : []));
  expect(results[0]).toContain('a loaf is 4.20');
  expect(results[1]).toMatch(/127\.0\.1\.1 +mcp\.example\.com/);
  expect(results[1]).toMatch(/^6$/m);
  expect(results[1]).not.toContain(SECRET);
  expect(text).toBe('done');
  const told = await runner.connections(session.sessionId);
  expect(told.connections).toContainEqual(
    expect.objectContaining({ host: HOST, port, outcome: 'complete' }),
  );
  expect(await runner.connections('sess_absent')).toEqual({ connections: [], dropped: 0 });
  const connections = ground.doors
    .log()
    .split('\n')
    .filter((line) => line.includes('"msg":"connection"'))
    .map((line) => JSON.parse(line));
  expect(connections).toContainEqual(
    expect.objectContaining({ session: session.sessionId, host: HOST, port, outcome: 'complete' }),
  );
});

test('a session does not start without the secret that a host needs', async () => {
  const ground = await runnerGround();
  const release = await ground.publish({
    'karta.toml': `
[env]
MCP_TOKEN = { secret = true }
[network]
allow = [{ host = "${HOST}:443", inject = { header = "authorization", secret = "MCP_TOKEN" } }]
`,
  });
  const runner = await ground.runner([release]);
  await expect(runner.attach(newSession(release), () => undefined)).rejects.toMatchObject({
    code: 'harness_failed',
    message: expect.stringContaining('MCP_TOKEN'),
  });
});
