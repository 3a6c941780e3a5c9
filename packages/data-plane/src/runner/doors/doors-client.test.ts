import { createServer } from 'node:http';
import { join } from 'node:path';
import { DOORS_START_HEADER, newId } from '@karta/protocol';
import { expect, onTestFinished, test } from 'vitest';
import { startDoors } from '../../../../doors/src/testing/index.ts';
import { tempFolder } from '../../releases/testing/temp-folder.ts';
import { DoorsClient, DoorsError } from './doors-client.ts';
import { servedFamilies } from './families.ts';

async function realDoors() {
  const started = await startDoors();
  onTestFinished(() => started.stop());
  const client = new DoorsClient({
    managementSocket: started.managementSocket,
    token: started.managementToken,
  });
  onTestFinished(() => client.close());
  return { started, client };
}

const CHANNEL = {
  org_id: 'org_1',
  project_id: 'proj_1',
  session_id: null,
  mode: 'parked',
} as const;

test('a channel is opened, claimed, booked on and closed', async () => {
  const { client } = await realDoors();
  const channel_id = newId('sandbox');
  const opened = await client.openChannel({ ...CHANNEL, channel_id });
  expect(opened.socket_path).toMatch(/^\//);
  await client.claimChannel(channel_id, 'sess_1', false);
  const payer = { api_key_id: 'key_1', embed_key_id: null, end_user: 'eve' };
  await client.openTurn(channel_id, { turn_id: 'turn_1', org_grant: 'og1.x', payer });
  await client.invalidate(['org_1']);
  const usage = await client.closeTurn(channel_id, 'turn_1');
  expect(usage).toMatchObject({ turn_id: 'turn_1', calls: 0 });
  await client.closeChannel(channel_id);
  await client.closeChannel(channel_id);
  await expect(client.openTurn(channel_id, { turn_id: 'turn_2' })).rejects.toMatchObject({
    status: 404,
  });
});

test('the families of the demo model are served', async () => {
  const { client } = await realDoors();
  const families = servedFamilies(client);
  expect([...(await families()).families].sort()).toEqual(['anthropic', 'openai']);
});

test('a wrong token is a refusal, and doors that are gone are an error without a status', async () => {
  const { started } = await realDoors();
  const { managementSocket } = started;
  const wrong = new DoorsClient({ managementSocket, token: 'wrong' });
  await expect(wrong.upstreams()).rejects.toMatchObject({ status: 401 });
  const nobody = new DoorsClient({ managementSocket: '/nowhere.sock', token: 't' });
  await expect(nobody.upstreams()).rejects.toMatchObject({ name: 'DoorsError', status: null });
});

test('a kept connection that was closed meanwhile is opened again', async () => {
  const socket = join(await tempFolder(), 's');
  let calls = 0;
  const server = createServer((_request, response) => {
    calls += 1;
    response.end('{"upstreams":[]}', () => {
      // Closed after the answer, as a server does with a connection that was idle too long.
      if (calls === 1) setImmediate(() => server.closeAllConnections());
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  const client = new DoorsClient({ managementSocket: socket, token: 't' });
  for (let i = 0; i < 5; i += 1) expect(await client.upstreams()).toEqual({ upstreams: [] });
  client.close();
});

test('it is told once when other doors answer than before', async () => {
  const socket = join(await tempFolder(), 's');
  const starts = ['a', 'a', 'b', 'b'];
  const server = createServer((_request, response) => {
    response.setHeader(DOORS_START_HEADER, starts.shift() ?? '');
    response.end('{"upstreams":[]}');
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  const told: string[] = [];
  const client = new DoorsClient({ managementSocket: socket, token: 't' }, (start) =>
    told.push(start),
  );
  onTestFinished(() => client.close());
  expect(client.start).toBeNull();
  for (const start of ['a', 'a', 'b', 'b']) {
    await client.upstreams();
    expect(client.start).toBe(start);
  }
  expect(told).toEqual(['b']);
});

test('an answer of another shape is refused', async () => {
  const socket = join(await tempFolder(), 's');
  const server = createServer((_request, response) => void response.end('{"upstreams":7}'));
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(() => void server.close());
  const client = new DoorsClient({ managementSocket: socket, token: 't' });
  const error = await client.upstreams().catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(DoorsError);
  client.close();
});
