import { EventEmitter, once } from 'node:events';
import type { BuildLogLine } from '@karta/protocol';
import { isoTime } from '@karta/protocol';
import type { Database } from '../sql/database.ts';

/** Lines kept of one build; a build that says more goes on in silence. */
const MAX_LINES = 20_000;
/** Lines read at once for a follower. */
const PAGE = 500;
/** How soon a follower learns of lines that another process wrote, in milliseconds. */
const LOOK_MS = 1_000;

/** What a build has said, durable, and followed as it goes. */
export interface BuildLog {
  /** Writes for one build, which nobody else writes of at the time. */
  writer(buildId: string): BuildLogWriter;
  /** Lines after number `after`, with their numbers; at most some hundred at once. */
  read(buildId: string, after: number): Promise<{ line: number; said: BuildLogLine }[]>;
  /** Tells followers that the build or its log has changed. */
  changed(buildId: string): void;
  /** Followers hear of the build's end when what this returns is called, and not before. */
  holdEnd(buildId: string): () => void;
  /** Whether followers are not to hear of the end yet: the nodes may not have heard either. */
  isHeld(buildId: string): boolean;
  /** Resolves at the next change, and now and then without one. */
  nextChange(buildId: string, signal: AbortSignal): Promise<void>;
}

export interface BuildLogWriter {
  write(text: string, at?: Date): void;
  /** Resolves when all that was written is stored. Rejects when it could not be. */
  flushed(): Promise<void>;
}

export function createBuildLog(database: Database): BuildLog {
  const changes = new EventEmitter();
  // One listener for each follower of one build.
  changes.setMaxListeners(0);
  const held = new Set<string>();

  return {
    writer(buildId) {
      let line = 0;
      const waiting: { build_id: string; line: number; at: Date; text: string }[] = [];
      let writing: Promise<void> | null = null;
      async function writeOut(): Promise<void> {
        while (waiting.length > 0) {
          const rows = waiting.splice(0, PAGE);
          await database.insertInto('build_log').values(rows).execute();
          changes.emit(buildId);
        }
      }
      function begin(): void {
        writing ??= writeOut().finally(() => {
          writing = null;
        });
        // Whoever asks `flushed` hears of a failure.
        writing.catch(() => {});
      }
      return {
        write(text, at = new Date()) {
          line += 1;
          if (line > MAX_LINES) return;
          waiting.push({ build_id: buildId, line, at, text: text.replaceAll('\0', '\uFFFD') });
          begin();
        },
        async flushed() {
          while (waiting.length > 0 || writing !== null) {
            begin();
            await writing;
          }
        },
      };
    },
    async read(buildId, after) {
      const rows = await database
        .selectFrom('build_log')
        .select(['line', 'at', 'text'])
        .where('build_id', '=', buildId)
        .where('line', '>', after)
        .orderBy('line')
        .limit(PAGE)
        .execute();
      return rows.map(({ line, at, text }) => ({ line, said: { at: isoTime(at), text } }));
    },
    changed: (buildId) => void changes.emit(buildId),
    holdEnd(buildId) {
      held.add(buildId);
      return () => {
        held.delete(buildId);
        changes.emit(buildId);
      };
    },
    isHeld: (buildId) => held.has(buildId),
    async nextChange(buildId, signal) {
      const late = AbortSignal.timeout(LOOK_MS);
      await once(changes, buildId, { signal: AbortSignal.any([signal, late]) }).catch(
        (error: unknown) => {
          if ((error as Error).name !== 'AbortError') throw error;
        },
      );
    },
  };
}
