import { Karta } from '@karta/sdk';
import { problemLine } from '../deploy/problem-line.ts';
import { plainText } from '../output/plain-text.ts';
import type { Terminal } from '../output/terminal.ts';
import { announce, announcementJson } from '../supervisor/announce.ts';
import { takeUpstreams } from '../supervisor/provider-keys.ts';
import { runUntilStopped } from '../supervisor/run-until-stopped.ts';
import { type RunningServer, startServer } from '../supervisor/server.ts';
import { type ServeOptions, serveSettings } from '../supervisor/settings.ts';

export interface ServeCommand extends ServeOptions {
  json?: boolean;
  /** The question in the printed curl line. */
  try?: string;
}

const QUESTION = 'Hello! What can you help me with?';

/** `karta serve [folder…]`: serves until a signal. Resolves with the exit code. */
export async function serve(
  folders: readonly string[],
  options: ServeCommand,
  terminal: Terminal,
): Promise<number> {
  const settings = serveSettings(options);
  const upstreams = takeUpstreams(process.env);
  const server = await startServer({
    settings,
    folders,
    upstreams,
    environment: process.env,
    // "none" must be asked for by name before it may run anything but the bundled examples.
    allowUnsandboxed: settings.sandbox === 'none',
    notice: (message) => terminal.note(message),
  });
  for (const { folder, warnings } of server.published) {
    for (const warning of warnings) {
      terminal.note(
        `${terminal.style('yellow', 'warning')} ${folder}: ${plainText(problemLine(warning))}`,
      );
    }
  }
  const question = options.try ?? QUESTION;
  const announcement = {
    server,
    upstreams,
    trial: await trialSession(server, question),
  };
  return runUntilStopped(server, terminal, () => {
    if (options.json === true) terminal.json(announcementJson(announcement));
    else announce(announcement, terminal);
  });
}

/**
 * The session that the printed curl line talks to: one per release, so that restarts add none;
 * `null` while there is no application.
 */
async function trialSession(
  server: RunningServer,
  question: string,
): Promise<{ sessionId: string; question: string } | null> {
  if (server.projects.length === 0) return null;
  const karta = new Karta({ apiKey: server.apiKey, baseUrl: server.url });
  const [release] = server.published;
  const metadata = { made_by: 'karta serve', version: release?.version ?? 'known' };
  const { id } = await karta.sessions.create({ metadata, match: ['made_by', 'version'] });
  return { sessionId: id, question };
}
