import { randomUUID } from 'node:crypto';
import { CHANNEL_PATHS } from '@karta/protocol';
import { HarnessError, type HarnessRun } from '../../port.ts';
import { type ClaudeSettings, readSettings } from '../app/settings-file.ts';
import { INSIDE } from '../inside.ts';
import { DISALLOWED_TOOLS, environmentOf, platformSettings } from '../platform-settings.ts';
import type { CanUseTool, ClaudeSdk, SdkQuery, SdkUserMessage } from '../sdk-port.ts';
import { NO_CONVERSATION, startCommand } from '../start-command.ts';
import { GuardedProcess, type OnFrame, type ProcessEnd } from './guarded-process.ts';
import { MessageChannel } from './message-channel.ts';
import { within } from './within.ts';

/** A cold start takes 0.5 s alone, 5 s when eight start at once; slow MCP servers come on top. */
const START_MS = 60_000;
/** How long the process may take to end by itself. Idle it needs some 50 ms. */
const CLOSE_MS = 2_000;

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether `value` has the form of a conversation's id. Others must reach no path and no argument. */
export function isConversationId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value);
}

export interface LiveClaudeParts {
  run: HarnessRun;
  sdk: ClaudeSdk;
  canUseTool: CanUseTool;
  onFrame: OnFrame;
  /** Silence of the model after which its call has failed, in milliseconds. */
  modelStallMs: number;
}

/** One running Claude Code with the SDK on its streams. */
export class LiveClaude {
  readonly query: SdkQuery;
  readonly conversationId: string;
  readonly settings: ClaudeSettings;
  readonly ended: Promise<ProcessEnd>;
  readonly #process: GuardedProcess;
  readonly #input = new MessageChannel<SdkUserMessage>();

  private constructor(parts: LiveClaudeParts) {
    const { run, sdk } = parts;
    const { resumeId, sandbox } = run;
    this.conversationId = resumeId ?? randomUUID();
    this.settings = readSettings(run.app);
    const switches = platformSettings(parts.modelStallMs);
    const env = environment(run, this.settings, switches.env);
    let spawned: GuardedProcess | null = null;
    this.query = sdk.query({
      prompt: this.#input,
      options: {
        pathToClaudeCodeExecutable: INSIDE.binary,
        cwd: INSIDE.workspace,
        env,
        ...(resumeId === null ? { sessionId: this.conversationId } : { resume: resumeId }),
        settings: { ...switches },
        settingSources: ['project'],
        systemPrompt: { type: 'preset', preset: 'claude_code', snapshot: false },
        includePartialMessages: true,
        disallowedTools: DISALLOWED_TOOLS,
        canUseTool: parts.canUseTool,
        spawnClaudeCodeProcess: ({ args }) => {
          const argv = startCommand({
            config: sandbox.place(INSIDE.config),
            workspace: sandbox.place(INSIDE.workspace),
            binary: sandbox.place(INSIDE.binary),
            resumeId,
            args,
          });
          spawned = new GuardedProcess(sandbox.spawn({ argv, env }), parts.onFrame);
          return spawned;
        },
      },
    });
    if (spawned === null) throw new HarnessError('start_failed', 'the SDK started no process');
    this.#process = spawned;
    this.ended = this.#process.ended;
    void this.#watch();
  }

  /** Starts the process and waits until it is ready. Throws `HarnessError`. */
  static async start(parts: LiveClaudeParts): Promise<LiveClaude> {
    const { resumeId } = parts.run;
    if (resumeId !== null && !isConversationId(resumeId)) {
      throw new HarnessError('cannot_resume', 'the conversation id is not one of Claude Code');
    }
    const live = new LiveClaude(parts);
    try {
      const gone = live.ended.then((end) => Promise.reject(endedError(end)));
      const ready = Promise.race([live.query.initializationResult(), gone]);
      await within(START_MS, 'it did not get ready in time', ready);
      return live;
    } catch (error) {
      live.#process.kill('SIGKILL');
      const { stderr, code } = await live.ended;
      if (code === NO_CONVERSATION) {
        throw new HarnessError('cannot_resume', 'there is no such conversation', { cause: error });
      }
      const reason = stderr || (error instanceof Error ? error.message : 'unknown');
      const message = `Claude Code did not start: ${reason}`;
      throw new HarnessError('start_failed', message, { cause: error });
    }
  }

  send(text: string): void {
    const message = { role: 'user', content: text } as const;
    this.#input.push({ type: 'user', message, parent_tool_use_id: null, session_id: '' });
  }

  kill(): void {
    this.#process.kill('SIGKILL');
  }

  async close(): Promise<void> {
    this.#input.end();
    this.query.close();
    await within(CLOSE_MS, 'still running', this.ended).catch(() => this.kill());
    await this.ended;
  }

  /** The SDK's own messages are none but an error at its end, which `ended` tells better. */
  async #watch(): Promise<void> {
    try {
      for await (const _ of this.query) {
        // Every message was taken before the SDK saw it.
      }
    } catch {
      this.kill();
    }
  }
}

function environment(
  run: HarnessRun,
  settings: ClaudeSettings,
  switches: Readonly<Record<string, string>>,
): Record<string, string> {
  const { sandbox, model, detection } = run;
  const own = settings.modelVariables;
  const fallback = model.defaults.anthropic;
  const chosen = detection.model === null && fallback ? { ANTHROPIC_MODEL: fallback } : {};
  return environmentOf({
    home: sandbox.place(INSIDE.home),
    config: sandbox.place(INSIDE.config),
    baseUrl: `http://127.0.0.1:${sandbox.loopback(model.offer)}${CHANNEL_PATHS.anthropic}`,
    credential: model.credential,
    extra: { ...chosen, ...own, ...run.env },
    switches,
  });
}

function endedError({ code, broken }: ProcessEnd): Error {
  return broken ?? new Error(`it ended with code ${code ?? 'none'}`);
}
