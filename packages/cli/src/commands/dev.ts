import { Karta } from '@karta/sdk';
import { CliError } from '../cli-error.ts';
import { problemLine } from '../deploy/problem-line.ts';
import { DevView } from '../dev/dev-view.ts';
import { followSessions } from '../dev/follow-sessions.ts';
import { watchFolder } from '../dev/watch-folder.ts';
import type { Terminal } from '../output/terminal.ts';
import { modelLine, takeUpstreams } from '../supervisor/provider-keys.ts';
import { publishOne } from '../supervisor/publish-folders.ts';
import { runUntilStopped } from '../supervisor/run-until-stopped.ts';
import { type RunningServer, startServer } from '../supervisor/server.ts';
import { type ServeOptions, serveSettings } from '../supervisor/settings.ts';

export interface DevOptions extends ServeOptions {
  json?: boolean;
}

/**
 * `karta dev [folder…]`: serves, publishes a folder again when a file in it changes, and shows what
 * happens in all sessions. Sessions that exist keep their release; new ones get the newest.
 */
export async function dev(
  folders: readonly string[],
  options: DevOptions,
  terminal: Terminal,
): Promise<number> {
  const upstreams = takeUpstreams(process.env);
  const served = folders.length === 0 ? [process.cwd()] : folders;
  const server = await startServer({
    settings: serveSettings(options),
    folders: served,
    upstreams,
    environment: process.env,
    allowUnsandboxed: true,
    notice: (message) => terminal.note(message),
  });
  const view = new DevView(terminal, options.json === true);
  const stopFollowing = new AbortController();
  const watchers = served.map((folder) =>
    watchFolder(folder, () => republish(folder, server, view)),
  );
  const karta = new Karta({ apiKey: server.apiKey, baseUrl: server.url });
  const following = followSessions(karta, (event) => view.event(event), stopFollowing.signal);
  try {
    return await runUntilStopped(server, terminal, () => view.ready(server, modelLine(upstreams)));
  } finally {
    for (const watcher of watchers) watcher.close();
    stopFollowing.abort();
    await following;
  }
}

async function republish(folder: string, server: RunningServer, view: DevView): Promise<void> {
  try {
    const result = await publishOne(folder, server.publishing);
    if ('problems' in result) view.refused(folder, result.problems.map(problemLine));
    else if (result.created) view.published(result.ref, result.version);
  } catch (error) {
    // What cannot be packed, a full disk, a plane that restarts: the next change tries again.
    const details = error instanceof CliError ? error.details : [];
    view.refused(folder, [(error as Error).message, ...details]);
  }
}
