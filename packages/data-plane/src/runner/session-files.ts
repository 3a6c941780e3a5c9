import type { Readable } from 'node:stream';
import type { LiveSession } from './live-session.ts';
import type { MachineHost } from './machine/machine-port.ts';
import type { Runner, RunnerSession } from './port.ts';
import type { SessionTable } from './session-table.ts';

type FileCalls = Pick<Runner, 'history' | 'listFiles' | 'readFile' | 'writeFile' | 'removeFile'>;

/**
 * A session's files and history, through the reader inside its sandbox. A session that nobody has
 * written to has the release's files, which need no sandbox. `ready` throws when nothing may start.
 */
export function sessionFiles(
  host: MachineHost,
  sessions: SessionTable,
  ready: (session: RunnerSession) => void,
): FileCalls {
  /** Runs a call on the session's machine, which is busy until the call's stream has ended. */
  async function withMachine<T>(
    session: RunnerSession,
    call: (live: LiveSession) => Promise<T>,
    bodyOf: (answer: T) => Readable | null = () => null,
  ): Promise<T> {
    ready(session);
    const live = await sessions.machine(session, () => undefined, false);
    const done = live.use();
    try {
      const answer = await call(live);
      const body = bodyOf(answer);
      if (body === null) done();
      else body.once('close', () => done());
      return answer;
    } catch (error) {
      done();
      throw error;
    }
  }

  return {
    async *history(session) {
      const { resumeId } = session;
      if (resumeId === null || sessions.volumeOf(session) === null) return;
      ready(session);
      const live = await sessions.machine(session, () => undefined, false);
      const done = live.use();
      try {
        yield* live.booted.machine.history(resumeId);
      } finally {
        done();
      }
    },
    listFiles(session, prefix) {
      if (sessions.volumeOf(session) === null) return host.releaseFiles(session.release, prefix);
      return withMachine(session, ({ booted }) => booted.machine.listFiles(prefix));
    },
    readFile(session, path) {
      if (sessions.volumeOf(session) === null) return host.releaseFile(session.release, path);
      return withMachine(
        session,
        ({ booted }) => booted.machine.readFile(path),
        ({ body }) => body,
      );
    },
    writeFile: (session, path, body, maxBytes) =>
      withMachine(session, async ({ booted }) => {
        const { size } = await booted.machine.writeFile(path, body, maxBytes);
        return { size, volumeId: booted.volumeId };
      }),
    removeFile: (session, path) =>
      withMachine(session, async ({ booted }) => {
        await booted.machine.removeFile(path);
        return { volumeId: booted.volumeId };
      }),
  };
}
