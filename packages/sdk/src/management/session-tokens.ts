import type { MintedSessionToken, MintSessionTokenBody } from '@karta/protocol';
import type { Transport } from '../transport.ts';
import { projectPath } from './project-path.ts';

/** Short-lived tokens for the end users of a project, such as a browser. */
export class SessionTokens {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  mint(project: string, body: MintSessionTokenBody = {}): Promise<MintedSessionToken> {
    return this.#transport.json({
      method: 'POST',
      path: `${projectPath(project)}/session_tokens`,
      json: body,
    });
  }

  /** Refuses a token from now on, by its `id`. */
  async revoke(project: string, id: string): Promise<void> {
    await this.#transport.json({
      method: 'DELETE',
      path: `${projectPath(project)}/session_tokens/${encodeURIComponent(id)}`,
      goneIsDone: true,
    });
  }
}
