import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, stat, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openTestChannel, scripted } from '../testing/open-channel.ts';
import { servePlain } from '../testing/plain-server.ts';
import { startDoors } from '../testing/start-doors.ts';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));
const ask = (content: string) => ({
  model: 'm',
  max_tokens: 1000,
  messages: [{ role: 'user' as const, content }],
});
const isRoot = process.getuid?.() === 0;
/** `nobody`, on every system we know. */
const OTHER_UID = 65534;

const sent = (event: { type: string; [name: string]: unknown }) =>
  `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
const said = (text: string) =>
  sent({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } });

/** A provider that stops in the middle of its answer until it is to go on. */
async function providerThatWaits(): Promise<{ origin: string; goOn(): void } & AsyncDisposable> {
  const { promise: further, resolve: goOn } = Promise.withResolvers<void>();
  const usage = { input_tokens: 1, output_tokens: 1 };
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [],
    usage,
  };
  const provider = await servePlain({
    before: (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(sent({ type: 'message_start', message }));
      const content_block = { type: 'text', text: '' };
      response.write(sent({ type: 'content_block_start', index: 0, content_block }));
      response.write(said('a b c '));
      void further.then(() => {
        response.write(said('d e f') + sent({ type: 'content_block_stop', index: 0 }));
        const delta = { stop_reason: 'end_turn', stop_sequence: null };
        response.write(sent({ type: 'message_delta', delta, usage: { output_tokens: 6 } }));
        response.end(sent({ type: 'message_stop' }));
      });
      return true;
    },
  });
  return { origin: provider.origin, goOn, [Symbol.asyncDispose]: () => provider.close() };
}

/** Runs the doors with this line on standard input until they end, or are ready. */
async function run(input: string): Promise<{ code: number; log: string; out: string }> {
  const child = spawn(process.execPath, [MAIN], { env: {} });
  const all = Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  child.stdin.write(input);
  child.stdout.once('data', () => child.stdin.end());
  const [out, log, [code]] = await all;
  return { code, log, out };
}

describe('the doors process', () => {
  it('ends with its standard input', async () => {
    const doors = await startDoors();
    const ended = once(doors.process, 'exit');
    doors.process.stdin?.end();
    expect(await ended).toEqual([0, null]);
    await expect(stat(doors.managementSocket)).rejects.toMatchObject({ code: 'ENOENT' });
    await doors.stop();
  });

  it('on SIGTERM finishes the calls that run, refuses new ones, then ends', async () => {
    await using provider = await providerThatWaits();
    const base_url = `${provider.origin}/anthropic`;
    const upstreams = [{ id: 'anthropic' as const, base_url, api_key: 'k' }];
    const doors = await startDoors({ upstreams });
    const channel = await openTestChannel(doors);
    const stream = channel.anthropic.messages.stream(ask('hi'));
    await new Promise<void>((resolve) => stream.on('text', () => resolve()));
    const ended = once(doors.process, 'exit');
    doors.process.kill('SIGTERM');
    await expect.poll(doors.log).toContain('draining');
    const late = channel.anthropic.messages.create(ask('hi'));
    await expect(late).rejects.toMatchObject({ status: 529 });
    provider.goOn();
    const message = await stream.finalMessage();
    expect(message.content).toMatchObject([{ text: 'a b c d e f' }]);
    expect(await ended).toEqual([0, null]);
    await doors.stop();
  });

  it('on SIGTERM does not wait for ever', async () => {
    const doors = await startDoors({ drain_ms: 50 });
    const channel = await openTestChannel(doors);
    const stream = channel.anthropic.messages.stream(ask(scripted({ text: 'x', hang: true })));
    await new Promise<void>((resolve) => stream.on('text', () => resolve()));
    const ended = once(doors.process, 'exit');
    const cut = expect(stream.finalMessage()).rejects.toThrow();
    doors.process.kill('SIGTERM');
    await cut;
    expect(await ended).toEqual([0, null]);
    await doors.stop();
  });

  it('leaves SIGINT to its parent', async () => {
    const doors = await startDoors();
    doors.process.kill('SIGINT');
    expect((await doors.management.send('GET', '/healthz')).status).toBe(200);
    await doors.stop();
  });

  it('keeps its management socket private, in a private folder', async () => {
    const doors = await startDoors();
    expect((await stat(doors.managementSocket)).mode & 0o777).toBe(0o600);
    expect((await stat(dirname(doors.managementSocket))).mode & 0o777).toBe(0o700);
    await doors.stop();
  });

  it.runIf(isRoot)('gives up root, and still opens channels', async () => {
    const doors = await startDoors({ run_as_uid: OTHER_UID });
    const status = await readFile(`/proc/${doors.process.pid}/status`, 'utf8');
    for (const field of ['Uid', 'Gid']) {
      const ids = new RegExp(`^${field}:\\s+(.*)$`, 'm').exec(status)?.[1]?.split(/\s+/);
      expect(ids).toEqual(new Array(4).fill(String(OTHER_UID)));
    }
    expect(/^Groups:\s*$/m.test(status)).toBe(true);
    expect(/^CapEff:\s+0+$/m.test(status)).toBe(true);
    const channel = await openTestChannel(doors);
    expect((await stat(channel.socketPath)).uid).toBe(OTHER_UID);
    const message = await channel.anthropic.messages.create(ask(scripted({ text: 'hi' })));
    expect(message.content).toMatchObject([{ text: 'hi' }]);
    await channel.close();
    await doors.stop();
  });

  it('takes over from doors that were killed, and not from doors that live', async () => {
    const first = await startDoors();
    const config = JSON.stringify({
      runtime_dir: first.runtimeDir,
      journal_dir: join(first.runtimeDir, 'journal'),
      management_socket: first.managementSocket,
      management_token: first.managementToken,
      upstreams: [{ id: 'demo' }],
      metrics_port: null,
    });
    const channel = await openTestChannel(first);
    const second = await run(`${config}\n`);
    expect(second).toMatchObject({ code: 2, log: expect.stringContaining('already serve') });
    const message = await channel.anthropic.messages.create(ask(scripted({ text: 'hi' })));
    expect(message.content).toMatchObject([{ text: 'hi' }]);
    const ended = once(first.process, 'exit');
    first.process.kill('SIGKILL');
    await ended;
    expect(await run(`${config}\n`)).toMatchObject({
      code: 0,
      out: '{"ready":true,"metrics_port":null}\n',
    });
    await first.stop();
  });

  it('logs of calls those that failed, all where it is asked to', async () => {
    for (const [logs, outcomes] of [
      ['info', ['refused_by_provider']],
      ['debug', ['complete', 'refused_by_provider']],
    ] as const) {
      const doors = await startDoors({}, undefined, logs);
      const channel = await openTestChannel(doors);
      await channel.anthropic.messages.create(ask(scripted({ text: 'hi' })));
      await channel.anthropic.messages.create(ask(scripted({ err: 400 }))).catch(() => {});
      await channel.close();
      await doors.stop();
      const lines = doors
        .log()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
      const calls = lines.filter(({ msg }) => msg === 'call');
      expect(calls.map(({ outcome }) => outcome)).toEqual(outcomes);
    }
  });

  it('logs no credential, key or text', async () => {
    const doors = await startDoors({}, undefined, 'debug');
    const channel = await openTestChannel(doors);
    await channel.anthropic.messages.create(ask(scripted({ text: 'confidential' })));
    await channel.openai.chat.completions
      .create({ model: 'm', messages: ask(scripted({ err: 400 })).messages })
      .catch(() => {});
    await channel.close();
    await doors.stop();
    expect(doors.log()).toContain('"msg":"call"');
    for (const secret of [channel.credential, doors.managementToken, 'confidential', '@@']) {
      expect(doors.log()).not.toContain(secret);
    }
  });
});

describe('a configuration that cannot be used', () => {
  it('ends the process with the reason', async () => {
    const { code, log, out } = await run('{"runtime_dir":"relative"}\n');
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(log).toContain('/runtime_dir');
  });

  it("has a runtime folder that is a link, or somebody else's", async () => {
    const dir = await mkdtemp(join(tmpdir(), 'karta-link-'));
    const link = join(dir, 'link');
    await mkdir(join(dir, 'target', 'channels'), { recursive: true });
    await symlink(join(dir, 'target'), link);
    const config = {
      runtime_dir: link,
      journal_dir: join(dir, 'journal'),
      management_socket: join(dir, 's'),
      management_token: 'a-token-of-many-letters',
      upstreams: [{ id: 'demo' }],
      metrics_port: null,
    };
    const { code, log } = await run(`${JSON.stringify(config)}\n`);
    expect({ code, log }).toMatchObject({ code: 2, log: expect.stringContaining('not a folder') });
    expect((await stat(join(dir, 'target', 'channels'))).isDirectory()).toBe(true);
    await rm(dir, { recursive: true });
  });

  it('has a runtime folder whose sockets would have too long a path', async () => {
    const long = await mkdtemp(join(tmpdir(), 'karta-'.padEnd(60, 'x')));
    const config = {
      runtime_dir: long,
      journal_dir: join(long, 'journal'),
      management_socket: join(long, 's'),
      management_token: 'a-token-of-many-letters',
      upstreams: [{ id: 'demo' }],
      metrics_port: null,
    };
    const { code, log } = await run(`${JSON.stringify(config)}\n`);
    await rm(long, { recursive: true });
    expect({ code, log }).toMatchObject({ code: 2, log: expect.stringContaining('shorter') });
  });
});
