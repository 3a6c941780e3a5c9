import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { managementClient } from '../testing/management-client.ts';
import { type StartedDoors, startDoors } from '../testing/start-doors.ts';

let doors: StartedDoors;
beforeAll(async () => {
  doors = await startDoors();
});
afterAll(() => doors.stop());

const channel = (channel_id: string) => ({
  channel_id,
  org_id: 'org_1',
  project_id: 'proj_1',
  session_id: null,
  mode: 'parked' as const,
});

describe('the management API', () => {
  it('asks for its token on every route', async () => {
    const stranger = managementClient(doors.managementSocket, 'not the token');
    for (const [method, path] of [
      ['GET', '/healthz'],
      ['GET', '/upstreams'],
      ['POST', '/channels'],
      ['DELETE', '/channels/x'],
      ['GET', '/nowhere'],
    ] as const) {
      expect((await stranger.send(method, path)).status).toBe(401);
    }
  });

  it('tells that it is well and what it serves', async () => {
    expect(await doors.management.send('GET', '/healthz')).toMatchObject({ status: 200 });
    expect(await doors.management.upstreams()).toEqual({
      upstreams: [
        { id: 'demo', families: ['anthropic', 'openai'], responses: true, endpoint: 'embedded' },
      ],
    });
  });

  it('keeps an idle connection for longer than a turn is silent', async () => {
    const agent = new Agent({ keepAlive: true });
    const asked = request({ socketPath: doors.managementSocket, path: '/healthz', agent }).end();
    const [answer] = (await once(asked, 'response')) as [IncomingMessage];
    agent.destroy();
    expect(answer.headers['keep-alive']).toBe('timeout=75');
  });

  it('serves what follows a body too large on its connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const ask = async (body: string): Promise<number | undefined> => {
      const headers = { authorization: `Bearer ${doors.managementToken}` };
      const socketPath = doors.managementSocket;
      const asked = request({ socketPath, path: '/channels', method: 'POST', headers, agent });
      asked.end(body);
      const [answer] = (await once(asked, 'response')) as [IncomingMessage];
      await once(answer.resume(), 'end');
      return answer.statusCode;
    };
    for (let turn = 0; turn < 20; turn += 1) {
      expect(await ask('x'.repeat(600_000))).toBe(413);
      expect(await ask('{}')).toBe(422);
    }
  });

  it('opens a channel once and closes it once', async () => {
    const { management } = doors;
    const opened = await management.openChannel(channel('c1'));
    expect(opened.credential).toMatch(/^kch_[\w-]{43}$/);
    expect((await management.send('POST', '/channels', channel('c1'))).status).toBe(409);
    const again = await management.openChannel(channel('c2'));
    expect(again.credential).not.toBe(opened.credential);
    expect((await management.send('DELETE', '/channels/c1')).status).toBe(204);
    expect((await management.send('DELETE', '/channels/c1')).status).toBe(404);
  });

  it('lets one session claim a channel, as often as it likes', async () => {
    const { management } = doors;
    await management.openChannel(channel('c3'));
    await management.claim('c3', 'sess_1');
    await management.claim('c3', 'sess_1');
    await expect(management.claim('c3', 'sess_2')).rejects.toThrow(/409/);
  });

  it('bounds the turns that are open at once, and still tells the totals of the oldest', async () => {
    const { management } = doors;
    await management.openChannel(channel('c4'));
    for (let index = 0; index < 12; index += 1) await management.openTurn('c4', `turn_${index}`);
    for (const turn of ['turn_0', 'turn_11']) {
      expect(await management.closeTurn('c4', turn)).toMatchObject({ turn_id: turn, calls: 0 });
    }
  });

  it.each([
    ['POST', '/channels', { channel_id: 'x' }, 422],
    ['POST', '/channels', { ...channel('x'), extra: 1 }, 422],
    ['POST', '/channels', undefined, 422],
    ['PATCH', '/channels/none', { session_id: 's', mode: 'live' }, 404],
    ['PATCH', '/channels/none', { session_id: 's', mode: 'parked' }, 422],
    ['PUT', '/channels/none/turn', { turn_id: 't' }, 404],
    ['DELETE', '/channels/none/turn/t', undefined, 404],
    ['POST', '/channels', { channel_id: 'x'.repeat(600_000) }, 413],
    ['POST', '/invalidate', { org_ids: 'org_1' }, 422],
    ['PUT', '/channels', undefined, 404],
    ['GET', '/channels//turn', undefined, 404],
    ['GET', '/%zz', undefined, 404],
  ])('%s %s %j is refused with %4$i', async (method, path, body, status) => {
    expect((await doors.management.send(method, path, body)).status).toBe(status);
  });
});
