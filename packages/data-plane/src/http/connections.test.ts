import { egressLogAnswer } from '@karta/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startEngineServer } from './testing/engine-server.ts';
import { KEYS } from './testing/test-control.ts';

let server: Awaited<ReturnType<typeof startEngineServer>>;
beforeAll(async () => {
  server = await startEngineServer();
});
afterAll(() => server.close());

it('the connections of a session are told to API keys of its org, in both families', async () => {
  const { id } = await server.session();
  const connection = {
    ...{ host: 'api.example.com', port: 443, at: '2026-11-22T12:00:00.000Z', ms: 12 },
    ...{ bytes_sent: 3, bytes_received: 4, outcome: 'complete' as const },
  };
  server.runner.connections = async (asked: string) => ({
    connections: asked === id ? [connection] : [],
    dropped: 0,
  });
  for (const path of [
    `/v1/sessions/${id}/connections`,
    `/v1/projects/shop/sessions/${id}/connections`,
  ]) {
    const answer = await server.call('GET', path, { key: KEYS.read });
    expect(answer.status).toBe(200);
    // As every time is shown, which the document allows.
    const shown = { ...connection, at: '2026-11-22T12:00:00.000+00:00' };
    const told = await answer.json();
    expect(told).toEqual({ connections: [shown], dropped: 0 });
    expect(egressLogAnswer.parse(told)).toEqual(told);
  }
});

it('an end user is not told where the agent connects to', async () => {
  const made = await server.call('POST', '/v1/projects/shop/sessions', {
    key: KEYS.token,
    body: {},
  });
  const { id } = (await made.json()) as { id: string };
  const path = `/v1/projects/shop/sessions/${id}/connections`;
  expect((await server.call('GET', path, { key: KEYS.token })).status).toBe(403);
});
