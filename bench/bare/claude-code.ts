import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';
import { CHANNEL_PATHS } from '@karta/protocol';
import { INSIDE } from '../../packages/harness/src/claude-code/inside.ts';
import {
  environmentOf,
  MODEL_STALL_MS,
  platformSettings,
} from '../../packages/harness/src/claude-code/platform-settings.ts';
import { startCommand } from '../../packages/harness/src/claude-code/start-command.ts';
import type { TurnTimes } from '../platform/turn.ts';
import type { BareSandbox } from './ground.ts';
import type { BareHarness } from './harness.ts';

interface TextDelta {
  event: { delta: { text: string } };
}

/** Claude Code's own process, driven by its own JSON lines and nothing of ours. */
export async function startClaudeCode(
  { sandbox, setup }: BareSandbox,
  resume?: string,
): Promise<BareHarness> {
  const conversation = resume ?? randomUUID();
  const switches = platformSettings(MODEL_STALL_MS);
  const process = sandbox.spawn({
    argv: startCommand({
      config: sandbox.place(INSIDE.config),
      workspace: sandbox.place(INSIDE.workspace),
      binary: sandbox.place(INSIDE.binary),
      resumeId: resume ?? null,
      args: [
        ...['--output-format', 'stream-json', '--input-format', 'stream-json', '--verbose'],
        ...['--include-partial-messages', '--setting-sources=project', '--permission-mode=default'],
        ...['--permission-prompt-tool', 'stdio', '--settings', JSON.stringify(switches)],
        ...(resume === undefined ? ['--session-id', conversation] : ['--resume', conversation]),
      ],
    }),
    env: environmentOf({
      home: sandbox.place(INSIDE.home),
      config: sandbox.place(INSIDE.config),
      baseUrl: `http://127.0.0.1:${sandbox.loopback(setup.model.offer)}${CHANNEL_PATHS.anthropic}`,
      credential: setup.model.credential,
      extra: { ANTHROPIC_MODEL: 'claude-sonnet-4-5' },
      switches: switches.env,
    }),
  });
  process.stderr.resume();
  let onLine: (line: string) => void = () => undefined;
  createInterface({ input: process.stdout }).on('line', (line) => onLine(line));
  return {
    conversation,
    turn: (text) =>
      new Promise((resolve, reject) => {
        const began = performance.now();
        const times: TurnTimes = { firstText: 0, done: 0, letters: 0 };
        onLine = (line) => {
          if (line.includes('"text_delta"')) {
            if (times.letters === 0) times.firstText = performance.now() - began;
            times.letters += (JSON.parse(line) as TextDelta).event.delta.text.length;
          } else if (line.includes('"type":"result"')) {
            times.done = performance.now() - began;
            resolve(times);
          }
        };
        void process.exited.then(() => reject(new Error('claude ended')));
        process.stdin.write(
          `${JSON.stringify({ type: 'user', message: { role: 'user', content: text } })}\n`,
        );
      }),
    async close() {
      process.kill('SIGKILL');
      await process.exited;
    },
  };
}
