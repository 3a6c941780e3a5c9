import type {
  CreatedInvitation,
  CreateInvitationBody,
  Invitation,
  Member,
  OwnOrg,
  Role,
} from '@karta/protocol';
import { listOf, type PagedList, type PageOptions } from '../page.ts';
import type { Transport } from '../transport.ts';

/** The people of an org, and those invited. */
export class Members {
  readonly #transport: Transport;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  list(options: PageOptions = {}): PagedList<Member> {
    return listOf(this.#transport, '/v1/members', 'members', options);
  }

  setRole(personId: string, role: Role): Promise<Member> {
    return this.#transport.json({ method: 'PATCH', path: memberPath(personId), json: { role } });
  }

  /** Leaves the org that is worked in. */
  async leave(): Promise<void> {
    await this.#transport.json({ method: 'POST', path: '/v1/org/leave', json: {} });
  }

  /** Removes a member. */
  async remove(personId: string): Promise<void> {
    await this.#transport.json({
      method: 'DELETE',
      path: memberPath(personId),
      goneIsDone: true,
    });
  }

  invitations(options: PageOptions = {}): PagedList<Invitation> {
    return listOf(this.#transport, '/v1/invitations', 'invitations', options);
  }

  /** Invites somebody. The answer alone has the link, unless it went by e-mail. */
  invite(body: CreateInvitationBody): Promise<CreatedInvitation> {
    return this.#transport.json({ method: 'POST', path: '/v1/invitations', json: body });
  }

  async revokeInvitation(id: string): Promise<void> {
    await this.#transport.json({
      method: 'DELETE',
      path: `/v1/invitations/${encodeURIComponent(id)}`,
      goneIsDone: true,
    });
  }

  /** Accepts, as the person who is signed in, what an invitation's link names. */
  accept(token: string): Promise<OwnOrg> {
    return this.#transport.json({
      method: 'POST',
      path: '/v1/invitations/accept',
      json: { token },
    });
  }
}

function memberPath(personId: string): string {
  return `/v1/members/${encodeURIComponent(personId)}`;
}
