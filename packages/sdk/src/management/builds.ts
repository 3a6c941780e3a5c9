import type { BuildLogLine, BuildView } from '@karta/protocol';
import { jsonIn, sseMessages } from '../event-frames.ts';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import { resume } from '../resume.ts';
import type { Transport } from '../transport.ts';
import { projectPath } from './project-path.ts';

/** What a build's log yields: its lines, then the build as it ended. */
export type BuildEvent =
  | { type: 'log'; seq: number; line: BuildLogLine }
  | { type: 'build'; seq: number; build: BuildView };

/** Publishes on their way from an archive to a release. */
export class Builds {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(project: string, options: PageOptions = {}): PagedList<BuildView> {
    return listOf(this.#transport, `${projectPath(project)}/builds`, 'builds', options);
  }

  get(project: string, id: string, options: { signal?: AbortSignal } = {}): Promise<BuildView> {
    return this.#transport.json({
      method: 'GET',
      path: buildPath(project, id),
      signal: options.signal,
    });
  }

  /**
   * A build's log from its first line to its end, however often the connection drops. The last
   * event is the build itself.
   */
  log(
    project: string,
    id: string,
    options: { signal?: AbortSignal } = {},
  ): AsyncGenerator<BuildEvent> {
    const signal = options.signal ?? new AbortController().signal;
    return resume<BuildEvent>({
      transport: this.#transport,
      signal,
      open: (last) =>
        this.#transport.send({
          method: 'GET',
          path: `${buildPath(project, id)}/log`,
          headers: {
            accept: 'text/event-stream',
            ...(last === null ? {} : { 'last-event-id': String(last) }),
          },
          signal,
        }),
      read: buildEvents,
      wanted: () => true,
      ends: (event) => event.type === 'build',
      endsWithStream: false,
    });
  }
}

function buildPath(project: string, id: string): string {
  return `${projectPath(project)}/builds/${encodeURIComponent(id)}`;
}

async function* buildEvents(
  body: ReadableStream<Uint8Array>,
  silenceMs: number,
): AsyncGenerator<BuildEvent> {
  let seq = 0;
  for await (const message of sseMessages(body, silenceMs)) {
    const value = jsonIn(message.data);
    // The end has no number of its own: it comes after every line.
    seq = message.id === undefined || message.id === '' ? seq + 1 : Number(message.id);
    if (message.event === 'log') yield { type: 'log', seq, line: value as BuildLogLine };
    if (message.event === 'build') {
      yield { type: 'build', seq: Number.POSITIVE_INFINITY, build: value as BuildView };
    }
  }
}
