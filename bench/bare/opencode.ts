import { Agent, type IncomingMessage, request } from 'node:http';
import type { Sandbox } from '@karta/sandbox';
import { platformConfig } from '../../packages/harness/src/opencode/app/platform-config.ts';
import {
  environmentOf,
  INSIDE,
  LISTEN,
} from '../../packages/harness/src/opencode/server/environment.ts';
import type { TurnTimes } from '../platform/turn.ts';
import { dataOf, Frames } from '../platform/turn.ts';
import type { BareSandbox } from './ground.ts';
import type { BareHarness } from './harness.ts';

const PASSWORD = 'bench';

interface TextDelta {
  properties: { delta: string };
}

/** OpenCode's own server, driven by its own HTTP interface and nothing of ours. */
export async function startOpenCode(
  { sandbox, setup }: BareSandbox,
  resume?: string,
): Promise<BareHarness> {
  const process = sandbox.spawn({
    argv: [
      sandbox.place(INSIDE.binary),
      'serve',
      '--hostname',
      '127.0.0.1',
      '--port',
      String(sandbox.loopback(LISTEN)),
    ],
    env: environmentOf({
      sandbox,
      offer: setup.model.offer,
      credential: setup.model.credential,
      password: PASSWORD,
      env: {},
      config: JSON.stringify(platformConfig(setup, { modelStallMs: 60_000 })),
    }),
    cwd: '/workspace',
    listens: [LISTEN],
  });
  process.stderr.resume();
  await new Promise<void>((resolve, reject) => {
    process.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('listening on')) resolve();
    });
    void process.exited.then(() => reject(new Error('opencode ended')));
  });
  const agent = agentOf(sandbox);
  const directory = encodeURIComponent(sandbox.place('/workspace'));
  const events = await send(agent, 'GET', `/event?directory=${directory}`);
  const listeners = new Set<(frame: string) => void>();
  const frames = new Frames((frame) => {
    for (const listener of listeners) listener(frame);
  });
  events.on('data', (chunk: Buffer) => frames.push(chunk.toString()));
  const conversation =
    resume ?? (await json(agent, `/session?directory=${directory}`, { title: 'bench' })).id;
  return {
    conversation,
    turn: (text) =>
      new Promise((resolve, reject) => {
        const began = performance.now();
        const times: TurnTimes = { firstText: 0, done: 0, letters: 0 };
        const listener = (frame: string) => {
          const now = performance.now() - began;
          if (frame.includes('"message.part.delta"') && frame.includes('"field":"text"')) {
            if (times.letters === 0) times.firstText = now;
            times.letters += (dataOf(frame) as TextDelta).properties.delta.length;
          } else if (frame.includes('"session.idle"') && times.letters > 0) {
            times.done = now;
            listeners.delete(listener);
            resolve(times);
          }
        };
        listeners.add(listener);
        const path = `/session/${conversation}/prompt_async?directory=${directory}`;
        send(agent, 'POST', path, { parts: [{ type: 'text', text }] }).then(
          (answer) => answer.resume(),
          reject,
        );
      }),
    async close() {
      agent.destroy();
      process.kill('SIGKILL');
      await process.exited;
    },
  };
}

/** An agent whose connections are dialled into the sandbox. */
function agentOf(sandbox: Sandbox): Agent {
  const agent = new Agent({ keepAlive: true });
  Object.assign(agent, {
    createConnection(
      _options: unknown,
      connected: (error: Error | null, stream?: unknown) => void,
    ) {
      sandbox.dial(LISTEN).then((stream) => connected(null, stream), connected);
    },
  });
  return agent;
}

function send(agent: Agent, method: string, path: string, body?: object): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        agent,
        method,
        path,
        headers: {
          authorization: `Basic ${btoa(`opencode:${PASSWORD}`)}`,
          'content-type': 'application/json',
        },
      },
      resolve,
    );
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function json(agent: Agent, path: string, body: object): Promise<{ id: string }> {
  const answer = await send(agent, 'POST', path, body);
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as { id: string };
}
