import { Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { MessageChannel } from 'node:worker_threads';
import type { HarnessEvent } from '@karta/harness';
import { expect, onTestFinished, test } from 'vitest';
import { oneByOne } from '../../../../harness/src/testing/event-batches.ts';
import type { BootOrder, Machine } from '../machine/machine-port.ts';
import { scriptedHost } from '../testing/scripted-host.ts';
import { releaseNamed } from '../testing/stub-machine.ts';
import { TURN_WINDOW } from './protocol.ts';
import { RemoteHost } from './remote-host.ts';
import { serveHost } from './serve-host.ts';

const INPUT = { text: 'hi', agent: 'default', thinking: false, attachments: [] };
const ORDER: BootOrder = {
  sandboxId: 'sbx_1',
  volumeId: 'vol_1',
  release: releaseNamed('rel_1'),
  channel: { socketPath: '/s', credential: 'c' },
  hosts: [],
  families: ['anthropic'],
  env: {},
};

/** A host behind a real message channel: what is sent is cloned, as between threads. */
async function setUp() {
  const host = scriptedHost();
  const { port1, port2 } = new MessageChannel();
  const strays: string[] = [];
  serveHost(host, port2);
  const remote = new RemoteHost(port1, (stray) => strays.push(stray));
  onTestFinished(() => port1.close());
  return { host, remote, machine: await remote.boot(ORDER), strays };
}

async function eventsOf(machine: Machine, signal = new AbortController().signal) {
  const events: HarnessEvent[] = [];
  for await (const event of oneByOne(machine.turn(INPUT, signal))) events.push(event);
  return events;
}

test('calls are answered, errors arrive as what they were', async () => {
  const { host, remote, machine } = await setUp();
  expect(await remote.start()).toEqual({ isolation: 'namespace', notes: ['scripted'] });
  expect(machine.isolation).toBe('namespace');
  expect(await remote.volumes()).toEqual(['vol_1']);
  await remote.destroyVolume('vol_2');
  expect(host.did).toEqual(['destroy vol_2']);
  await expect(remote.describe(ORDER.release)).rejects.toMatchObject({ code: 'harness_missing' });
  await expect(machine.answer('ask_1', { decision: 'deny', message: '' })).rejects.toMatchObject({
    name: 'HarnessError',
    code: 'unknown_ask',
  });
  await expect(machine.readFile('gone')).rejects.toMatchObject({ code: 'not_found' });
});

test('files and history stream through', async () => {
  const { remote, machine } = await setUp();
  const body = Readable.from([Buffer.from('ab'), Buffer.from('cd')]);
  expect(await machine.writeFile('f', body, 10)).toEqual({ size: 4 });
  const read = await machine.readFile('f');
  expect(read.size).toBe(4);
  expect(await textOf(read.body)).toBe('abcd');
  expect(await textOf((await remote.releaseFile(ORDER.release, 'x')).body)).toBe('abc');
  const ids: string[] = [];
  for await (const message of machine.history('ses_1')) ids.push(message.id);
  expect(ids).toEqual(['1', '2', '3']);
});

test('a flood of events arrives whole and in order, and never runs far ahead of its reader', async () => {
  const { host, machine } = await setUp();
  let made = 0;
  host.turn = async function* () {
    for (; made < 20_000; made += 1) yield { type: 'text', text: `${made}` };
    yield { type: 'end', stopReason: 'end_turn' };
  };
  let read = 0;
  const turn = machine.turn(INPUT, new AbortController().signal);
  for await (const event of oneByOne(turn)) {
    if (event.type !== 'text') break;
    expect(event.text).toBe(`${read}`);
    read += 1;
    expect(made - read).toBeLessThanOrEqual(TURN_WINDOW + 1);
  }
  expect(read).toBe(20_000);
});

test('the id of a conversation is known with the event beside it', async () => {
  const { host, machine } = await setUp();
  host.turn = async function* () {
    yield { type: 'text', text: 'a' };
    host.resumeId = 'ses_9';
    yield { type: 'text', text: 'b' };
    yield { type: 'end', stopReason: 'end_turn' };
  };
  const known: (string | null)[] = [];
  for await (const _ of oneByOne(machine.turn(INPUT, new AbortController().signal)))
    known.push(machine.resumeId);
  expect(known).toEqual([null, 'ses_9', 'ses_9']);
});

test('the wish for the harness’s own events crosses when it changes', async () => {
  const { host, machine } = await setUp();
  for (const wanted of [false, true, true, false]) machine.showRaw(wanted);
  await machine.listFiles('');
  expect(host.did).toEqual(['raw true', 'raw false']);
});

test('a cancel crosses, and so does the going away of a reader', async () => {
  const { host, machine } = await setUp();
  const aborted: string[] = [];
  host.turn = async function* (input, signal) {
    yield { type: 'text', text: 'begun' };
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve));
    aborted.push(input.text);
    yield { type: 'end', stopReason: 'cancelled' };
  };
  const stop = new AbortController();
  const turn = eventsOf(machine, stop.signal);
  stop.abort();
  expect((await turn).at(-1)).toEqual({ type: 'end', stopReason: 'cancelled' });
  for await (const _ of machine.turn(INPUT, new AbortController().signal)) break;
  await machine.listFiles('');
  expect(aborted).toEqual(['hi', 'hi']);
});

test('the end of a machine is told once; to dispose it again is fine', async () => {
  const { host, remote, machine } = await setUp();
  host.end({ cause: 'violation', message: 'too much' });
  expect(await machine.ended).toEqual({ cause: 'violation', message: 'too much' });
  await machine.dispose();
  await machine.dispose();
  expect(remote.load).toBe(0);
});

test('when the thread dies every call, turn and machine ends visibly', async () => {
  const { host, remote, machine } = await setUp();
  host.turn = async function* () {
    yield { type: 'text', text: 'a' };
    await new Promise(() => undefined);
  };
  const turn = eventsOf(machine);
  await machine.listFiles('');
  remote.fail(new Error('the thread died'));
  expect((await turn).map(({ type }) => type)).toEqual(['text', 'error', 'end']);
  expect(await machine.ended).toMatchObject({ cause: 'exited' });
  await expect(remote.volumes()).rejects.toThrow('the thread died');
  await machine.dispose();
  expect((await eventsOf(machine)).at(-1)).toEqual({ type: 'end', stopReason: 'error' });
});
