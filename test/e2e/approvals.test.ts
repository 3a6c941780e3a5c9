import type { Karta, SessionHandle } from '@karta/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { example, type ServedKarta, serveKarta, temporaryHome } from './karta-process.ts';

/** A message that makes the demo model write to a file, then say that it is done. */
function writeTo(...paths: string[]): string {
  const steps: unknown[] = paths.map((path) => ({
    tools: [{ name: 'bash', input: { command: `echo leeks >> ${path}`, description: 'note it' } }],
  }));
  return `Please @@${JSON.stringify([...steps, { text: 'All done.' }])}@@`;
}

async function contentOf(session: SessionHandle, path: string): Promise<string> {
  return (await session.files.read(path)).text();
}

describe('the approvals example', () => {
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let server: ServedKarta;
  let karta: Karta;
  beforeAll(async () => {
    home = await temporaryHome();
    server = await serveKarta(home.path, [example('approvals')]);
    karta = server.karta;
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  test('a turn pauses, is approved once, and goes on', async () => {
    const session = await karta.sessions.create();
    const paused = await session.send(writeTo('garden/north.md'));
    expect(paused).toMatchObject({ stop_reason: 'input_required' });
    expect(paused.pending_input).toMatchObject({ kind: 'permission', tool: 'bash' });
    const state = await session.get();
    expect(state.status).toBe('awaiting_input');
    expect(state.pending_input?.request_id).toBe(paused.pending_input?.request_id);
    expect(await contentOf(session, 'garden/north.md')).not.toContain('\nleeks\n');

    const { events, session: after } = await session.inputs.resolve(
      paused.pending_input?.request_id ?? '',
      'approve_once',
    );
    expect(events.map((event) => event.type)).toContain('tool_result');
    expect(events.at(-1)).toMatchObject({ type: 'done', data: { stop_reason: 'end_turn' } });
    expect(after.pending_input).toBeNull();
    expect(await contentOf(session, 'garden/north.md')).toContain('\nleeks\n');

    // Once is once: the same again is asked again, in a stream that stays open meanwhile.
    const seen: string[] = [];
    for await (const event of session.stream(writeTo('garden/north.md'))) {
      seen.push(event.type);
      if (event.type === 'input_required') {
        void session.inputs.resolve(event.data.request_id, 'approve_once');
      }
    }
    expect(seen).toContain('input_required');
    expect(seen).toContain('input_resolved');
    expect(seen.at(-1)).toBe('done');
  });

  test('an approval for the session covers the same later, and no other session', async () => {
    const session = await karta.sessions.create();
    const first = await session.send(writeTo('garden/south.md'));
    await session.inputs.resolve(first.pending_input?.request_id ?? '', 'approve_session');
    const second = await session.send(writeTo('garden/south.md'));
    expect(second.stop_reason).toBe('end_turn');
    expect((await contentOf(session, 'garden/south.md')).match(/\nleeks/g)).toHaveLength(2);

    const other = await karta.sessions.create();
    expect((await other.send(writeTo('garden/south.md'))).stop_reason).toBe('input_required');
    expect((await other.cancel()).id).toBe(other.id);
  });

  test('a denial carries its reason to the agent, and the turn goes on', async () => {
    const session = await karta.sessions.create();
    const paused = await session.send(writeTo('garden/north.md'));
    const requestId = paused.pending_input?.request_id ?? '';
    const { events } = await session.inputs.resolve(requestId, 'deny', {
      message: 'not before the frost',
    });
    const result = events.find((event) => event.type === 'tool_result');
    expect(result?.data).toMatchObject({ is_error: true });
    expect(JSON.stringify(result?.data)).toContain('not before the frost');
    expect(events.at(-1)).toMatchObject({ type: 'done', data: { stop_reason: 'end_turn' } });
    expect(await contentOf(session, 'garden/north.md')).not.toContain('\nleeks\n');

    await expect(session.inputs.resolve(requestId, 'approve_once')).rejects.toMatchObject({
      status: 409,
      code: 'input_already_resolved',
    });
    await expect(session.inputs.resolve('inp_unknown', 'deny')).rejects.toMatchObject({
      status: 404,
    });
  });
});
