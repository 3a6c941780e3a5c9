import type { Karta, Session } from '@karta/sdk';
import { CliError } from '../cli-error.ts';
import { openSessions } from '../client/session-access.ts';
import { DevView } from '../dev/dev-view.ts';
import { followSessions } from '../dev/follow-sessions.ts';
import { EXIT } from '../exit-codes.ts';
import { oneLine } from '../output/plain-text.ts';
import { shortTime } from '../output/table.ts';
import type { Terminal } from '../output/terminal.ts';

export interface LogsOptions {
  home?: string;
  json?: boolean;
  project?: string;
  org?: string;
  follow?: boolean;
  /** Sessions whose conversation is shown. */
  limit?: string;
}

const DEFAULT_SESSIONS = 5;
const LINE_CHARS = 400;

/**
 * `karta logs`: what was said in the newest sessions, the oldest first; with `-f` what happens in
 * all sessions from now on, until Ctrl-C.
 */
export async function logs(options: LogsOptions, terminal: Terminal): Promise<number> {
  const limit = Number(options.limit ?? DEFAULT_SESSIONS);
  if (!Number.isInteger(limit) || limit < 1 || limit > 100) {
    throw new CliError('usage', '--limit must be a number from 1 to 100', 'For example 20.');
  }
  const karta = await openSessions(options, { scope: 'read' });
  if (options.follow === true) return follow(karta, options, terminal);
  const { items } = await karta.sessions.list({ limit }).page();
  for (const session of items.toReversed()) await showSession(karta, session, options, terminal);
  if (items.length === 0 && options.json !== true) terminal.note('No sessions.');
  return EXIT.ok.code;
}

async function showSession(
  karta: Karta,
  session: Session,
  options: LogsOptions,
  terminal: Terminal,
): Promise<void> {
  const messages =
    session.status === 'ended' ? [] : await karta.sessions.open(session.id).history();
  if (options.json === true) {
    terminal.json({ session, messages });
    return;
  }
  const head = `${session.id} ${session.status} ${shortTime(session.updated_at)}`;
  terminal.out(`${terminal.style('bold', head)}\n`);
  for (const { role, text } of messages) terminal.out(`  ${role}: ${oneLine(text, LINE_CHARS)}\n`);
}

async function follow(karta: Karta, options: LogsOptions, terminal: Terminal): Promise<number> {
  const view = new DevView(terminal, options.json === true);
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  try {
    await followSessions(karta, (event) => view.event(event), stop.signal);
    return EXIT.ok.code;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
