import type { CreateProjectBody, PatchProjectBody, ProjectView } from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';
import { projectPath } from './project-path.ts';

/** The projects of an org. */
export class Projects {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options: PageOptions = {}): PagedList<ProjectView> {
    return listOf(this.#transport, '/v1/projects', 'projects', options);
  }

  /** Creates a project without a release; a first publish creates one by itself. */
  create(body: CreateProjectBody): Promise<ProjectView> {
    return this.#transport.json({ method: 'POST', path: '/v1/projects', json: body });
  }

  get(ref: string, options: { signal?: AbortSignal } = {}): Promise<ProjectView> {
    return this.#transport.json({ method: 'GET', path: projectPath(ref), signal: options.signal });
  }

  update(ref: string, change: PatchProjectBody): Promise<ProjectView> {
    return this.#transport.json({ method: 'PATCH', path: projectPath(ref), json: change });
  }

  /** Deletes a project with its releases, and ends its sessions. */
  async delete(ref: string): Promise<void> {
    await this.#transport.json({ method: 'DELETE', path: projectPath(ref), goneIsDone: true });
  }
}
