import type {
  ActivationView,
  BuildView,
  PreviewView,
  ReleaseDiff,
  ReleaseView,
} from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';
import { Builds } from './builds.ts';
import { projectPath } from './project-path.ts';

/** An archive to publish. A `Blob` can be sent again after a drop; a stream is sent once. */
export type Archive = Blob | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;

export interface DeployOptions {
  /** `false`: the release is made, and what runs stays. Default `true`. */
  activate?: boolean;
  /** Not activated, but reached at a URL of its own for seven days. */
  preview?: boolean;
  /** Hears each line of the build's log. */
  onLog?: (line: string) => void;
  signal?: AbortSignal;
}

/** The releases of a project: made, activated, rolled back. */
export class Releases {
  readonly #transport: Transport;
  readonly #builds: Builds;

  constructor(transport: Transport) {
    this.#transport = transport;
    this.#builds = new Builds(transport);
  }

  list(project: string, options: PageOptions = {}): PagedList<ReleaseView> {
    return listOf(this.#transport, `${projectPath(project)}/releases`, 'releases', options);
  }

  get(
    project: string,
    version: string,
    options: { signal?: AbortSignal } = {},
  ): Promise<ReleaseView> {
    return this.#transport.json({
      method: 'GET',
      path: releasePath(project, version),
      signal: options.signal,
    });
  }

  /**
   * Publishes a tar archive (gzipped or not) of a folder's content and waits for its build. What is
   * wrong with the application is told by the build (`status: "failed"`, `problems`), not thrown.
   */
  async deploy(project: string, archive: Archive, options: DeployOptions = {}): Promise<BuildView> {
    const started = await this.upload(project, archive, options);
    for await (const event of this.#builds.log(project, started.id, options)) {
      if (event.type === 'build') return event.build;
      options.onLog?.(event.line.text);
    }
    return this.#builds.get(project, started.id, options);
  }

  /** Publishes an archive without waiting for its build. */
  upload(
    project: string,
    archive: Archive,
    options: Omit<DeployOptions, 'onLog'> = {},
  ): Promise<BuildView> {
    return this.#transport.json({
      method: 'POST',
      path: `${projectPath(project)}/releases`,
      query: {
        activate: options.activate === false ? 'false' : undefined,
        preview: options.preview === true ? 'true' : undefined,
      },
      body: archive,
      headers: { 'content-type': 'application/x-tar' },
      signal: options.signal,
    });
  }

  /** Makes a release the one that new sessions get. */
  activate(project: string, version: string): Promise<ActivationView> {
    return this.#transport.json({
      method: 'POST',
      path: `${projectPath(project)}/activations`,
      json: { version },
    });
  }

  /** Goes back to `to`, by default to the release that was active before. */
  rollback(project: string, to?: string): Promise<ActivationView> {
    return this.#transport.json({
      method: 'POST',
      path: `${projectPath(project)}/rollback`,
      json: to === undefined ? {} : { to },
    });
  }

  /** Which release was active when, the newest first. */
  activations(project: string, options: PageOptions = {}): PagedList<ActivationView> {
    return listOf(this.#transport, `${projectPath(project)}/activations`, 'activations', options);
  }

  /** Refuses a release for good and ends its sessions. */
  revoke(project: string, version: string): Promise<ReleaseView> {
    return this.#transport.json({
      method: 'POST',
      path: `${releasePath(project, version)}/revoke`,
      json: {},
    });
  }

  /** What differs from another release, by default from the one before. */
  diff(project: string, version: string, against?: string): Promise<ReleaseDiff> {
    return this.#transport.json({
      method: 'GET',
      path: `${releasePath(project, version)}/diff`,
      query: { against },
    });
  }

  previews(project: string, options: PageOptions = {}): PagedList<PreviewView> {
    return listOf(this.#transport, `${projectPath(project)}/previews`, 'previews', options);
  }
}

function releasePath(project: string, version: string): string {
  return `${projectPath(project)}/releases/${encodeURIComponent(version)}`;
}
