import { z } from 'zod';
import { HarnessError, type TurnInput } from '../../port.ts';
import { messageInfo, messagePart, permissionRequest, questionRequest } from '../events/schema.ts';
import type { OpenAsk } from '../turn/ask-book.ts';
import { questionAnswers } from '../turn/asks.ts';
import type { Prompt } from '../turn/prompt.ts';
import type { Server } from './launch.ts';

/** Titles are given, so that OpenCode asks no model for one. */
const TITLE = 'karta';
/** OpenCode's ids; they stand in paths. */
const SESSION_ID = /^ses_[A-Za-z0-9]{8,64}$/;
/** The name under which OpenCode knows a model's deeper reasoning. */
const THINKING_VARIANT = 'high';
/** Said with a denial that came without a word. */
const DENIED = 'Denied.';

const sessionInfo = z.object({ id: z.string().regex(SESSION_ID), directory: z.string() });
const commandList = z.array(z.object({ name: z.string() }));
const statusMap = z.record(z.string(), z.object({ type: z.string() }));
const storedMessages = z.array(z.object({ info: messageInfo, parts: z.array(messagePart) }));

/** What a call of the client resolves to. */
interface Answer {
  data?: unknown;
  error?: unknown;
  response?: Response | undefined;
}

/** The requests that the adapter makes of one server. What they answer is checked. */
export function callsOf(server: Server): Calls {
  return new Calls(server);
}

export class Calls {
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
  }

  get #client() {
    return this.#server.connection.client;
  }

  /**
   * Loads the folder's configuration, which the server otherwise does at the first prompt. An abort
   * while it does so would break the server for good, so nothing is prompted before.
   */
  async load(): Promise<{ commands: ReadonlySet<string> }> {
    try {
      return await this.#load();
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'TimeoutError') throw error;
      const message = 'it did not load the folder in time; does one of its MCP servers hang?';
      throw new Error(message, { cause: error });
    }
  }

  async #load(): Promise<{ commands: ReadonlySet<string> }> {
    await take(this.#client.config.providers(), z.unknown(), 'reading the configuration');
    const commands = await take(this.#client.command.list(), commandList, 'listing the commands');
    return { commands: new Set(commands.map(({ name }) => name)) };
  }

  async createSession(): Promise<string> {
    const { id } = await take(
      this.#client.session.create({ title: TITLE }),
      sessionInfo,
      'creating a session',
    );
    return id;
  }

  /** Throws `HarnessError('cannot_resume')`. */
  async resume(sessionId: string): Promise<string> {
    if (!SESSION_ID.test(sessionId)) throw cannotResume('it is no id of OpenCode');
    const answer = await this.#client.session.get({ sessionID: sessionId });
    if (answer.response?.status === 404) throw cannotResume('its store does not know it');
    const { id, directory } = await take(Promise.resolve(answer), sessionInfo, 'taking up');
    // A session goes on in the folder where it began, wherever the server runs now.
    if (directory !== this.#server.directory) throw cannotResume('it belongs to another folder');
    return id;
  }

  async deleteSession(sessionId: string): Promise<void> {
    await take(this.#client.session.delete({ sessionID: sessionId }), z.unknown(), 'deleting');
  }

  /**
   * Hands in a message. Resolves when it is accepted; a command's only when its turn is over, so it
   * is not waited for.
   */
  async prompt(sessionID: string, prompt: Prompt, input: TurnInput): Promise<void> {
    const settings = {
      ...(input.agent === 'default' ? {} : { agent: input.agent }),
      ...(input.thinking ? { variant: THINKING_VARIANT } : {}),
    };
    if (prompt.kind === 'text') {
      const parts = [{ type: 'text' as const, text: prompt.text }, ...prompt.files];
      await this.#post(`/session/${sessionID}/prompt_async`, { ...settings, parts }, 'prompting');
      return;
    }
    const { command, arguments: rest, files } = prompt;
    await take(
      this.#client.session.command({
        ...settings,
        sessionID,
        command,
        arguments: rest,
        parts: files,
      }),
      z.unknown(),
      'running the command',
    );
  }

  async #post(path: string, json: unknown, doing: string): Promise<void> {
    const answer = await this.#server.connection.post(path, json);
    const text = await answer.text();
    if (!answer.ok) throw failure(doing, bodyOf(text), answer);
  }

  async abort(sessionIDs: readonly string[]): Promise<void> {
    for (const sessionID of sessionIDs) {
      await take(this.#client.session.abort({ sessionID }), z.unknown(), 'aborting');
    }
  }

  /** Sessions that are at work. */
  async busySessions(): Promise<Set<string>> {
    const status = await take(this.#client.session.status(), statusMap, 'reading the status');
    return new Set(Object.keys(status).filter((id) => status[id]?.type !== 'idle'));
  }

  async lastMessages(sessionID: string, limit: number): Promise<z.infer<typeof storedMessages>> {
    const found = this.#client.session.messages({ sessionID, limit });
    return take(found, storedMessages, 'reading messages');
  }

  async waitingAsks(): Promise<{
    permissions: z.infer<typeof permissionRequest>[];
    questions: z.infer<typeof questionRequest>[];
  }> {
    const [permissions, questions] = await Promise.all([
      take(this.#client.permission.list(), z.array(permissionRequest), 'listing asks'),
      take(this.#client.question.list(), z.array(questionRequest), 'listing questions'),
    ]);
    return { permissions, questions };
  }

  /** Sends an answer; `false` when the server no longer waits for it. */
  async reply({ request, answer }: OpenAsk): Promise<boolean> {
    const requestID = request.id;
    const approved = answer?.decision === 'approve_once';
    const message = answer?.message === '' || answer === null ? DENIED : answer.message;
    const sent =
      request.kind === 'question'
        ? approved
          ? this.#client.question.reply({ requestID, answers: questionAnswers(request, message) })
          : this.#client.question.reject({ requestID })
        : this.#client.permission.reply(
            approved ? { requestID, reply: 'once' } : { requestID, reply: 'reject', message },
          );
    const result: Answer = await sent;
    if (result.response?.status === 404) return false;
    await take(Promise.resolve(result), z.unknown(), 'answering');
    return true;
  }
}

async function take<T>(call: Promise<Answer>, schema: z.ZodType<T>, doing: string): Promise<T> {
  const { data, error, response } = await call;
  if (error !== undefined) throw failure(doing, error, response);
  return schema.parse(data);
}

const errorBody = z.object({
  name: z.string().optional(),
  message: z.string().optional(),
  data: z
    .object({
      message: z.string().optional(),
      path: z.string().optional(),
      issues: z.array(z.object({ path: z.array(z.unknown()), message: z.string() })).optional(),
    })
    .optional(),
});

function bodyOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // What is no JSON says nothing; the status does.
    return {};
  }
}

/** A body that OpenCode answered with, in one line; a thrown error stays what it is. */
function failure(doing: string, error: unknown, response: Response | undefined): Error {
  if (error instanceof Error) return error;
  const body = errorBody.safeParse(error);
  const said = body.success ? saidIn(body.data) : '';
  const status = response === undefined ? '' : ` (${response.status})`;
  return new Error(`${doing} failed${status}${said ? `: ${said.slice(0, 500)}` : ''}`);
}

/** A configuration that OpenCode refuses has no message, but the file and what is wrong in it. */
function saidIn({ name, message, data }: z.infer<typeof errorBody>): string | undefined {
  const [issue] = data?.issues ?? [];
  const wrong = issue === undefined ? undefined : `${issue.path.join('.')}: ${issue.message}`;
  const said = data?.message ?? wrong ?? message;
  return [name, data?.path, said].filter((part) => part !== undefined).join(' ') || undefined;
}

function cannotResume(why: string): HarnessError {
  return new HarnessError('cannot_resume', `OpenCode cannot take up the session: ${why}`);
}
