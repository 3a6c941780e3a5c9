import type { StopReason } from '@karta/protocol';
import { CliError } from '../cli-error.ts';
import { approver } from '../client/approvals.ts';
import { type ConnectOptions, connect } from '../client/connection.ts';
import { playTurn } from '../client/play-turn.ts';
import { EXIT } from '../exit-codes.ts';
import { EventView } from '../output/event-view.ts';
import type { Terminal } from '../output/terminal.ts';

export interface RunOptions extends ConnectOptions {
  json?: boolean;
  approve?: string;
  /** Go on with this session. */
  session?: string;
  agent?: string;
  thinking?: boolean;
}

/** `karta run "text"`: one turn. Resolves with the exit code. */
export async function run(text: string, options: RunOptions, terminal: Terminal): Promise<number> {
  if (text.trim() === '') {
    throw new CliError('usage', 'There is no message', 'Say something: karta run "Hello"');
  }
  const approve = approver(options.approve, terminal);
  using interrupt = cancelOnInterrupt();
  await using connection = await connect(options, (message) => terminal.note(message));
  const { sessions } = connection.karta;
  const session =
    options.session === undefined ? await sessions.create() : sessions.open(options.session);
  const view = new EventView(terminal, { hidden: ['step_start', 'step_finish'] });
  const turn = await playTurn(session, text, {
    show: options.json === true ? (event) => terminal.json(event) : (event) => view.show(event),
    approver: approve,
    cancel: interrupt.signal,
    options: {
      ...(options.agent === undefined ? {} : { agent: options.agent }),
      ...(options.thinking === undefined ? {} : { thinking: options.thinking }),
    },
  });
  if (options.json !== true) {
    view.breakLine();
    terminal.note(terminal.style('dim', `session ${session.id}`));
  }
  return exitCodeOf(turn.stop_reason);
}

/** The exit code that a turn's end stands for. */
export function exitCodeOf(reason: StopReason | null): number {
  if (reason === 'end_turn') return EXIT.ok.code;
  return reason === 'cancelled' ? EXIT.interrupted.code : EXIT.failed.code;
}

/** Ctrl-C cancels the turn, so that the agent stops too; a second one ends the command at once. */
function cancelOnInterrupt(): { signal: AbortSignal } & Disposable {
  const controller = new AbortController();
  const onSignal = () => {
    controller.abort();
    process.off('SIGINT', onSignal);
  };
  process.on('SIGINT', onSignal);
  return {
    signal: controller.signal,
    [Symbol.dispose]: () => void process.off('SIGINT', onSignal),
  };
}
