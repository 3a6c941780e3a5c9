import { execFile } from 'node:child_process';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createHarnesses } from '@karta/harness';
import type { Karta, KartaEvent } from '@karta/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  example,
  type ServedKarta,
  serveKarta,
  temporaryHome,
  WITH_CLAUDE_CODE,
} from './karta-process.ts';

/** A message that tells the demo model what to answer, to see what a turn was given. */
function scripted(...steps: unknown[]): string {
  return `@@${JSON.stringify(steps)}@@`;
}

/** The harness's own name of its shell tool. */
const SHELL: Readonly<Record<string, string>> = { OpenCode: 'bash', 'Claude Code': 'Bash' };

const claude = await createHarnesses().get('claude-code')?.installed();
const harnesses = [
  { name: 'OpenCode', env: {}, installed: true },
  { name: 'Claude Code', env: WITH_CLAUDE_CODE, installed: claude?.installed === true },
].filter(({ installed }) => installed);

describe.each(harnesses)('the support bot on $name', ({ name, env }) => {
  let home: Awaited<ReturnType<typeof temporaryHome>>;
  let server: ServedKarta;
  /** A session for tests that need none of their own. */
  let session: Awaited<ReturnType<Karta['sessions']['create']>>;
  beforeAll(async () => {
    home = await temporaryHome();
    server = await serveKarta(home.path, [example('support-bot')], { env, warm: 1 });
    expect(server.ready.published).toMatchObject([{ harness: { name } }]);
    session = await server.karta.sessions.create();
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });

  test('answers the shop’s questions, streaming and not', async () => {
    expect(session.created).toMatchObject({ status: 'active', current_agent: 'default' });

    const events: KartaEvent[] = [];
    for await (const event of session.stream('When are you open?')) events.push(event);
    const chunks = events.filter((event) => event.type === 'text');
    const streamed = chunks.map((event) => event.data.part.text).join('');
    expect(streamed).toContain('Tuesday to Friday');
    const seqs = events.map((event) => event.seq);
    expect(seqs).toEqual([...new Set(seqs)].sort((a, b) => a - b));
    expect(events.at(-1)).toMatchObject({
      type: 'done',
      data: { stop_reason: 'end_turn', message: { text: streamed } },
    });

    const answer = await session.send('How much is shipping to Germany?');
    expect(answer).toMatchObject({ session_id: session.id, stop_reason: 'end_turn' });
    expect(answer.text).toContain('7.90 euro');
    expect(answer.usage.total_tokens).toBe(answer.usage.input_tokens + answer.usage.output_tokens);
    expect(answer.usage.input_tokens).toBeGreaterThan(100);
    expect((await session.get()).status).toBe('active');
  });

  test('shows words while the model has not said all of them', async () => {
    const turn = session.stream(scripted({ text: 'the first words', hang: true }));
    for await (const event of turn) {
      if (event.type === 'text') await session.cancel();
    }
    expect(turn.turn).toMatchObject({ stop_reason: 'cancelled', text: 'the first words' });
  });

  test('other agents of the folder answer when chosen', async () => {
    const answer = await session.send('My parcel is damaged, what now?', { agent: 'returns' });
    expect(answer.agent).toBe('returns');
    expect(answer.text).toContain('photo');
    const refusal = session.send('hi', { agent: 'nobody' });
    await expect(refusal).rejects.toMatchObject({ status: 422, code: 'unknown_agent' });
  });

  test('may not run commands: the folder’s own settings say so', async () => {
    const answer = await session.send(
      scripted(
        { tools: [{ name: SHELL[name] ?? '', input: { command: 'id', description: 'x' } }] },
        { text: 'over' },
      ),
    );
    // The opencode-bot example shows the same call at work where it is allowed.
    expect(JSON.stringify(answer.messages)).not.toContain('uid=');
    expect(answer.text).toContain('over');
  });

  test('the key is in credentials.json for its owner alone, and curl works as printed', async () => {
    const path = join(home.path, 'credentials.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({
      api_key: server.apiKey,
      data_url: server.url,
    });
    const { stdout } = await promisify(execFile)('curl', [
      '-sN',
      `${server.url}/v1/sessions/${server.ready.session_id}/messages`,
      '-H',
      `authorization: Bearer ${server.apiKey}`,
      '-H',
      'content-type: application/json',
      '-d',
      '{"text":"When are you open?","stream":true}',
    ]);
    expect(stdout).toMatch(/^id: \d+\nevent: /);
    expect(stdout).toContain('event: done');
  });

  test('remembers a conversation, through a restart of the server', async () => {
    const own = await server.karta.sessions.create({ metadata: { customer: 'c-1' } });
    await own.send('Do you sell decaf?');
    const before = await own.history();
    expect(before.map((message) => message.role)).toEqual(['user', 'assistant']);
    expect(before[0]).toMatchObject({ text: 'Do you sell decaf?', unverified: false });
    expect(before[1]?.text).toContain('Embers Out');

    expect(await server.stop()).toBe(0);
    server = await serveKarta(home.path, [], { env });
    const again = server.karta.sessions.open(own.id);
    expect((await again.get()).metadata).toEqual({ customer: 'c-1' });
    const answer = await again.send('How should I grind for a French press?');
    expect(answer.text).toContain('sea salt');
    const after = await again.history();
    expect(after.slice(0, 2)).toEqual(before);
    expect(after).toHaveLength(4);
  });
});
