import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { example, type ServedKarta, serveKarta, temporaryHome } from './karta-process.ts';

describe('the reading log', () => {
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let server: ServedKarta;
  beforeAll(async () => {
    home = await temporaryHome();
    server = await serveKarta(home.path, [example('opencode-bot')]);
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  test('uses its tools on a copy of the folder that is the session’s own', async () => {
    const session = await server.karta.sessions.create();
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
    const other = await server.karta.sessions.create();
    expect(await (await other.files.read('log/books.md')).text()).not.toContain('Stoner');
  });

  test('a file that a client puts there is seen by the agent', async () => {
    const session = await server.karta.sessions.create();
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
