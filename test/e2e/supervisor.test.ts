import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test, vi } from 'vitest';
import {
  cleanEnvironment,
  example,
  type ServedKarta,
  serveKarta,
  temporaryHome,
  WITH_CLAUDE_CODE,
} from './karta-process.ts';
import { descendantsOf, processes, stillAlive } from './processes-of.ts';

/** A Node older than the pinned one, when this machine has it. */
const oldNode = ['/usr/bin/node', '/usr/local/bin/node'].find(existsSync);

/**
 * A server for several tests, of which the last one ends it: begun when the first one asks, and anew
 * for one that is tried again.
 */
function sharedServer(env: Record<string, string>) {
  let home: Awaited<ReturnType<typeof temporaryHome>> | undefined;
  let server: ServedKarta | undefined;
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await home?.[Symbol.asyncDispose]();
  });
  return async (): Promise<{ home: string; server: ServedKarta }> => {
    home ??= await temporaryHome();
    const ended = server?.child.exitCode !== null || server.child.signalCode !== null;
    if (server === undefined || ended) {
      server = await serveKarta(home.path, [example('support-bot')], { env });
    }
    return { home: home.path, server };
  };
}

const scripted = (...steps: unknown[]) => `@@${JSON.stringify(steps)}@@`;

describe('a server that is killed', () => {
  test('leaves no process behind, and the next one serves its sessions', async () => {
    await using home = await temporaryHome();
    const server = await serveKarta(home.path, [example('opencode-bot')]);
    const session = await server.karta.sessions.create();
    await session.send('Hello');
    const hanging = session
      .stream(
        scripted({ tools: [{ name: 'bash', input: { command: 'sleep 3600', description: 'x' } }] }),
      )
      .finished()
      .catch(() => null);
    await vi.waitFor(
      () =>
        expect(
          descendantsOf(server.pid).some(({ command }) => command.includes('sleep 3600')),
        ).toBe(true),
      { timeout: 60_000 },
    );
    const family = descendantsOf(server.pid);
    const names = family.map(({ command }) => command).join('\n');
    for (const part of ['postgres', 'doors', 'data-plane', 'opencode']) {
      expect(names).toContain(part);
    }

    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    await vi.waitFor(() => expect(stillAlive(family)).toEqual([]), { timeout: 60_000 });

    await using next = await serveKarta(home.path, []);
    const again = next.karta.sessions.open(session.id);
    const answer = await again.send('Hello again');
    expect(answer.stop_reason).toBe('end_turn');
    expect((await again.history()).some((message) => message.text === 'Hello')).toBe(true);
    await hanging;
  });
});

/** The process of a server that runs this package. */
function pidOf(server: { pid: number }, part: string): number {
  const found = descendantsOf(server.pid).find(({ command }) =>
    command.includes(`${part}/src/main.ts`),
  );
  if (found === undefined) throw new Error(`no process of the server runs ${part}`);
  return found.pid;
}

describe('a server', () => {
  const served = sharedServer(WITH_CLAUDE_CODE);

  test('whose data plane dies starts it again on the same address, and sessions go on', async () => {
    const { server } = await served();
    const session = await server.karta.sessions.create();
    await session.send('When are you open?');
    const plane = pidOf(server, 'data-plane');
    const before = server.log().length;
    process.kill(plane, 'SIGKILL');
    await vi.waitFor(() => expect(server.log().slice(before)).toContain('started again'), {
      timeout: 90_000,
    });
    const answer = await session.send('Do you sell decaf?');
    expect(answer.text).toContain('Embers Out');
    expect(await session.history()).toHaveLength(4);
  });

  test('whose doors die starts them again: a running turn fails, and its session goes on', async () => {
    const { server } = await served();
    const session = await server.karta.sessions.create();
    await session.send('When are you open?');
    const doors = pidOf(server, 'doors');
    const before = server.log().length;
    const turn = session.stream(scripted({ text: 'half', hang: true }));
    for await (const event of turn) if (event.type === 'text') process.kill(doors, 'SIGKILL');
    expect(turn.turn).toMatchObject({ stop_reason: 'error', text: 'half' });
    await expect
      .poll(() => server.log().slice(before), { timeout: 90_000 })
      .toContain('The doors started again');
    await expect
      .poll(async () => (await session.get()).status, { timeout: 30_000 })
      .toBe('hibernated');
    const answer = await session.send('Do you sell decaf?');
    expect(answer.stop_reason).toBe('end_turn');
    expect(await session.history()).toContainEqual(expect.objectContaining({ text: answer.text }));
  });

  test('by SIGTERM it drains: the running turn ends, the exit code is 0, nothing stays', async () => {
    const { home, server } = await served();
    const session = await server.karta.sessions.create();
    const turn = session.stream(scripted({ text: 'slow '.repeat(20), n: 20, gap: 50 }));
    let family: ReturnType<typeof descendantsOf> = [];
    let stopped: Promise<number | null> | undefined;
    for await (const event of turn) {
      if (event.type !== 'text' || stopped !== undefined) continue;
      family = descendantsOf(server.pid);
      stopped = server.stop();
    }
    expect(turn.turn).toMatchObject({ stop_reason: 'end_turn', text: 'slow '.repeat(20) });
    expect(await stopped).toBe(0);
    expect(family.length).toBeGreaterThan(3);
    expect(stillAlive(family)).toEqual([]);
    expect(existsSync(join(home, 'server.json'))).toBe(false);
  });
});

describe('a server with provider keys', () => {
  const key = 'sk-test-never-to-be-seen-again';
  const served = sharedServer({
    ...WITH_CLAUDE_CODE,
    ANTHROPIC_API_KEY: key,
    ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
  });

  test('has them in no environment, no command line and no file', async () => {
    const { home, server } = await served();
    expect(server.ready.upstreams).toEqual(['anthropic']);
    const family = descendantsOf(server.pid);
    expect(family.length).toBeGreaterThan(2);
    for (const { pid, command } of family) {
      expect(command).not.toContain(key);
      const environ = `/proc/${pid}/environ`;
      if (existsSync(environ)) expect(readFileSync(environ, 'latin1')).not.toContain(key);
    }
    for (const file of readdirSync(home, { recursive: true, withFileTypes: true })) {
      // Databases and volumes are images of some gigabytes, written by processes checked above.
      if (!file.isFile() || /postgres|volumes/.test(file.parentPath)) continue;
      expect(readFileSync(join(file.parentPath, file.name), 'latin1')).not.toContain(key);
    }
  });
});

describe.skipIf(oldNode === undefined)('the launcher', () => {
  test('serves under an older Node; killed, it takes the server with it', async () => {
    await using home = await temporaryHome();
    const server = await serveKarta(home.path, [example('support-bot')], {
      ...(oldNode === undefined ? {} : { runtime: oldNode }),
      env: { ...WITH_CLAUDE_CODE, PATH: cleanEnvironment().PATH ?? '' },
    });
    const answer = await (await server.karta.sessions.create()).send('Do you sell decaf?');
    expect(answer.text).toContain('Embers Out');
    const family = descendantsOf(server.pid);
    process.kill(server.pid, 'SIGKILL');
    await server.exited;
    await vi.waitFor(() => expect(stillAlive(family)).toEqual([]), { timeout: 30_000 });
    expect(processes().some(({ command }) => command.includes(home.path))).toBe(false);
  });
});
