import type { EnvChange, EnvValue } from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';
import { projectPath } from './project-path.ts';

/** The values of a project's `[env]`. */
export class Env {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Names with their values; secrets without. */
  list(project: string, options: PageOptions = {}): PagedList<EnvValue> {
    return listOf(this.#transport, `${projectPath(project)}/env`, 'values', options);
  }

  /** A secret is encrypted and never shown again. */
  set(
    project: string,
    name: string,
    value: string,
    options: { secret?: boolean } = {},
  ): Promise<EnvChange> {
    return this.#transport.json({
      method: 'PUT',
      path: envPath(project, name),
      json: { value, ...(options.secret === undefined ? {} : { secret: options.secret }) },
    });
  }

  unset(project: string, name: string): Promise<EnvChange | undefined> {
    return this.#transport.json({
      method: 'DELETE',
      path: envPath(project, name),
      goneIsDone: true,
    });
  }
}

function envPath(project: string, name: string): string {
  return `${projectPath(project)}/env/${encodeURIComponent(name)}`;
}
