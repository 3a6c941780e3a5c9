import { Karta, type SessionHandle } from '@karta/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { example, type ServedKarta, serveKarta, temporaryHome } from './karta-process.ts';

/** One server with both applications, each as a client of it sees it. */
let home: Awaited<ReturnType<typeof temporaryHome>>;
let server: ServedKarta;
beforeAll(async () => {
  home = await temporaryHome();
  server = await serveKarta(home.path, [example('approvals'), example('opencode-bot')]);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await home?.[Symbol.asyncDispose]();
});

function clientOf(project: string): Karta {
  return new Karta({ apiKey: server.apiKey, baseUrl: server.url, project });
}

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
  test('a turn pauses, is approved once, and goes on', async () => {
    const session = await clientOf('approvals').sessions.create();
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
    const session = await clientOf('approvals').sessions.create();
    const first = await session.send(writeTo('garden/south.md'));
    await session.inputs.resolve(first.pending_input?.request_id ?? '', 'approve_session');
    const second = await session.send(writeTo('garden/south.md'));
    expect(second.stop_reason).toBe('end_turn');
    expect((await contentOf(session, 'garden/south.md')).match(/\nleeks/g)).toHaveLength(2);

    const other = await clientOf('approvals').sessions.create();
    expect((await other.send(writeTo('garden/south.md'))).stop_reason).toBe('input_required');
    expect((await other.cancel()).id).toBe(other.id);
  });

  test('a denial carries its reason to the agent, and the turn goes on', async () => {
    const session = await clientOf('approvals').sessions.create();
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

describe('the reading log', () => {
  test('uses its tools on a copy of the folder that is the session’s own', async () => {
    const session = await clientOf('opencode-bot').sessions.create();
    const line = 'Stoner, John Williams, 2024-06-30, A quiet life in a university.';
    const steps = [
      {
        tools: [{ name: 'bash', input: { command: 'wc -l < log/books.md', description: 'count' } }],
      },
      {
        tools: [
          {
            name: 'bash',
            input: { command: `echo '${line}' >> log/books.md`, description: 'add' },
          },
        ],
      },
      { text: 'Added: you have read four books.' },
    ];
    const types: string[] = [];
    const stream = session.stream(`Add Stoner @@${JSON.stringify(steps)}@@`);
    for await (const event of stream) types.push(event.type);
    expect(types.filter((type) => type === 'tool_use')).toHaveLength(2);
    const { parts } = stream.turn.messages[0] ?? { parts: [] };
    const results = parts.filter((part) => part.type === 'tool_result');
    expect(results[0]).toMatchObject({ is_error: false, output: expect.stringContaining('3') });
    expect(stream.turn.text).toContain('four books');

    expect(await (await session.files.read('log/books.md')).text()).toContain(line);
    const other = await clientOf('opencode-bot').sessions.create();
    expect(await (await other.files.read('log/books.md')).text()).not.toContain('Stoner');
  });

  test('a file that a client puts there is seen by the agent', async () => {
    const session = await clientOf('opencode-bot').sessions.create();
    await session.files.write('log/wishes.md', 'Middlemarch, George Eliot\n');
    const steps = [
      { tools: [{ name: 'bash', input: { command: 'cat log/wishes.md', description: 'read' } }] },
      { text: 'read it' },
    ];
    const answer = await session.send(`Look @@${JSON.stringify(steps)}@@`);
    expect(JSON.stringify(answer.messages)).toContain('Middlemarch');
    const { files } = await session.files.list({ prefix: 'log' });
    expect(files.map((file) => file.path).sort()).toEqual(['log/books.md', 'log/wishes.md']);
  });
});
