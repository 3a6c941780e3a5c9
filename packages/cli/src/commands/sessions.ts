import { CliError } from '../cli-error.ts';
import { openSessions } from '../client/session-access.ts';
import { EXIT } from '../exit-codes.ts';
import { plainText } from '../output/plain-text.ts';
import type { Terminal } from '../output/terminal.ts';

export interface SessionsOptions {
  home?: string;
  json?: boolean;
  project?: string;
  org?: string;
  status?: string;
  limit?: string;
}

const DEFAULT_LIMIT = 20;
const STATUSES = ['active', 'running', 'awaiting_input', 'hibernated', 'ended'] as const;

/** `karta sessions`: the newest sessions. */
export async function listSessions(options: SessionsOptions, terminal: Terminal): Promise<number> {
  const limit = Number(options.limit ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new CliError('usage', '--limit must be a positive number', 'For example --limit 50.');
  }
  const status = STATUSES.find((known) => known === options.status);
  if (options.status !== undefined && status === undefined) {
    const next = `Choose ${STATUSES.join(', ')}.`;
    throw new CliError('usage', `--status cannot be "${options.status}"`, next);
  }
  const karta = await openSessions(options, { scope: 'read' });
  const list = karta.sessions.list({
    limit: Math.min(limit, 100),
    ...(status === undefined ? {} : { status }),
  });
  let shown = 0;
  for await (const session of list) {
    if (options.json === true) terminal.json(session);
    else {
      const metadata =
        Object.keys(session.metadata).length === 0 ? '' : JSON.stringify(session.metadata);
      const time = session.updated_at.slice(0, 19).replace('T', ' ');
      terminal.out(
        `${session.id}  ${session.status.padEnd(14)}  ${time}  ${plainText(metadata)}\n`,
      );
    }
    shown += 1;
    if (shown === limit) break;
  }
  if (shown === 0 && options.json !== true) terminal.note('No sessions.');
  return EXIT.ok.code;
}

/** `karta sessions show <id>`: the session and its conversation. */
export async function showSession(
  id: string,
  options: SessionsOptions,
  terminal: Terminal,
): Promise<number> {
  const { sessions } = await openSessions(options, { scope: 'read', session_id: id });
  const handle = sessions.open(id);
  const session = await handle.get();
  const messages = await handle.history();
  if (options.json === true) {
    terminal.json({ session, messages });
    return EXIT.ok.code;
  }
  terminal.out(`${plainText(JSON.stringify(session, null, 2))}\n`);
  for (const message of messages) {
    terminal.out(`${terminal.style('bold', message.role)}: ${plainText(message.text)}\n`);
  }
  return EXIT.ok.code;
}

/** `karta sessions end <id>`: ends it and destroys its workspace. */
export async function endSession(
  id: string,
  options: SessionsOptions,
  terminal: Terminal,
): Promise<number> {
  const { sessions } = await openSessions(options, { scope: 'write', session_id: id });
  await sessions.end(id);
  if (options.json === true) terminal.json({ id, ended: true });
  else terminal.out(`${id} ended\n`);
  return EXIT.ok.code;
}
