import { createInterface, type Interface } from 'node:readline/promises';
import type { SessionHandle } from '@karta/sdk';
import { CliError } from '../cli-error.ts';
import { approver } from '../client/approvals.ts';
import { type Connection, type ConnectOptions, connect } from '../client/connection.ts';
import { playTurn } from '../client/play-turn.ts';
import { asCliError } from '../client/server-failure.ts';
import { EXIT } from '../exit-codes.ts';
import { EventView } from '../output/event-view.ts';
import { plainText } from '../output/plain-text.ts';
import type { Terminal } from '../output/terminal.ts';

export interface ChatOptions extends ConnectOptions {
  json?: boolean;
  approve?: string;
  session?: string;
  agent?: string;
  thinking?: boolean;
}

const HELP = `  /new       start a new session
  /session   show the session
  /history   show the conversation so far
  /exit      leave (also Ctrl-D); Ctrl-C cancels a running turn`;

/** `karta chat`: turns until the input ends. Lines from a pipe are messages too. */
export async function chat(options: ChatOptions, terminal: Terminal): Promise<number> {
  const approve = approver(options.approve, terminal);
  await using connection = await connect(options, (message) => terminal.note(message));
  const { sessions } = connection.karta;
  let session: SessionHandle =
    options.session === undefined ? await sessions.create() : sessions.open(options.session);
  if (options.json !== true) terminal.note(greeting(connection, session, terminal));

  for await (const line of linesOf(terminal)) {
    const text = line.trim();
    if (text === '/exit' || text === '/quit') break;
    if (text === '') continue;
    try {
      if (text === '/new') {
        session = await sessions.create();
        terminal.note(terminal.style('dim', `session ${session.id}`));
      } else if (text.startsWith('/') && (await ownCommand(text, session, terminal))) {
      } else {
        await oneTurn(session, text, approve, options, terminal);
      }
    } catch (error) {
      // One failed turn does not end a conversation at a terminal; in a pipe nobody would see it.
      const known = asCliError(error);
      if (!(known instanceof CliError) || !terminal.interactive) throw error;
      terminal.note(terminal.style('red', `${known.message}. ${known.next}`));
    }
  }
  return EXIT.ok.code;
}

async function oneTurn(
  session: SessionHandle,
  text: string,
  approve: ReturnType<typeof approver>,
  options: ChatOptions,
  terminal: Terminal,
): Promise<void> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  process.once('SIGINT', onSignal);
  const view = new EventView(terminal, { hidden: ['step_start', 'step_finish'] });
  try {
    await playTurn(session, text, {
      show: options.json === true ? (event) => terminal.json(event) : (event) => view.show(event),
      approver: approve,
      cancel: interrupt.signal,
      options: {
        ...(options.agent === undefined ? {} : { agent: options.agent }),
        ...(options.thinking === undefined ? {} : { thinking: options.thinking }),
      },
    });
  } finally {
    process.off('SIGINT', onSignal);
    view.breakLine();
  }
}

/** Whether `text` was a command of the chat itself; others are the application's. */
async function ownCommand(
  text: string,
  session: SessionHandle,
  terminal: Terminal,
): Promise<boolean> {
  switch (text) {
    case '/help':
      terminal.note(HELP);
      return true;
    case '/session':
      terminal.note(JSON.stringify(await session.get(), null, 2));
      return true;
    case '/history':
      for (const message of await session.history()) {
        terminal.note(`${terminal.style('bold', message.role)}: ${plainText(message.text)}`);
      }
      return true;
    default:
      return false;
  }
}

/** Lines that a person types after a prompt, or that a pipe holds. Ends with the input. */
async function* linesOf(terminal: Terminal): AsyncGenerator<string> {
  if (!terminal.interactive) {
    yield* createInterface({ input: process.stdin });
    return;
  }
  for (;;) {
    // One interface per line: while a turn runs, an approval may want the same input.
    const line = createInterface({ input: process.stdin, output: process.stderr });
    const typed = await nextLine(line, terminal.style('bold', '› '));
    line.close();
    if (typed === null) return;
    yield typed;
  }
}

/** `null` at the end of the input or on Ctrl-C. */
function nextLine(line: Interface, prompt: string): Promise<string | null> {
  return new Promise((resolve, reject) => {
    line.once('close', () => resolve(null));
    line.once('SIGINT', () => resolve(null));
    line.question(prompt).then(resolve, reject);
  });
}

function greeting(connection: Connection, session: SessionHandle, terminal: Terminal): string {
  const where = connection.embedded ? 'a server of its own' : connection.url;
  const project = connection.project ?? 'the default project';
  return terminal.style('dim', `${project} on ${where}, session ${session.id}; /help for help`);
}
