import { ROLES, type Role } from '@karta/protocol';
import { CliError } from '../../cli-error.ts';
import { type AccountOptions, openAccount } from '../../client/account.ts';
import { EXIT } from '../../exit-codes.ts';
import { shortTime, showList } from '../../output/table.ts';
import type { Terminal } from '../../output/terminal.ts';
import { tokenOfLink } from '../account/login.ts';

/** `karta members`: who is in the org. */
export async function listMembers(options: AccountOptions, terminal: Terminal): Promise<number> {
  const { karta } = await openAccount(options);
  await showList(
    karta.members.list(),
    {
      columns: [
        ['id', (member) => member.person_id],
        ['e-mail', (member) => member.email],
        ['role', (member) => member.role],
        ['since', (member) => shortTime(member.created_at)],
      ],
      empty: 'No members.',
      json: options.json === true,
    },
    terminal,
  );
  return EXIT.ok.code;
}

/** `karta members invite <email>`: prints the link, unless it was sent by e-mail. */
export async function inviteMember(
  email: string,
  options: AccountOptions & { role?: string },
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const invitation = await karta.members.invite({ email, role: roleOf(options.role) });
  if (options.json === true) terminal.json(invitation);
  else if (invitation.link === null) terminal.out(`Sent an invitation to ${email}\n`);
  else {
    terminal.note(`Give ${email} this link; it works until ${shortTime(invitation.expires_at)}:`);
    terminal.out(`${invitation.link}\n`);
  }
  return EXIT.ok.code;
}

/** `karta members accept <link>`: joins the org that invited. */
export async function acceptInvitation(
  link: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const org = await karta.members.accept(tokenOfLink(link));
  if (options.json === true) terminal.json(org);
  else terminal.out(`You are in ${org.slug} as ${org.role}\n`);
  return EXIT.ok.code;
}

/** `karta members role <person> <role>` */
export async function setRole(
  person: string,
  role: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const id = await personId(person, karta.members.list());
  const member = await karta.members.setRole(id, roleOf(role));
  if (options.json === true) terminal.json(member);
  else terminal.out(`${member.email} is ${member.role}\n`);
  return EXIT.ok.code;
}

/** `karta members remove <person>` */
export async function removeMember(
  person: string,
  options: AccountOptions,
  terminal: Terminal,
): Promise<number> {
  const { karta } = await openAccount(options);
  const id = await personId(person, karta.members.list());
  await karta.members.remove(id);
  if (options.json === true) terminal.json({ id, removed: true });
  else terminal.out(`${person} is no member any more\n`);
  return EXIT.ok.code;
}

function roleOf(text = 'developer'): Role {
  const role = ROLES.find((known) => known === text);
  if (role !== undefined) return role;
  throw new CliError('usage', `"${text}" is no role`, `Choose ${ROLES.join(', ')}.`);
}

/** People are named by e-mail or id. */
async function personId(
  person: string,
  members: AsyncIterable<{ person_id: string; email: string }>,
): Promise<string> {
  if (!person.includes('@')) return person;
  for await (const member of members) {
    if (member.email === person.toLowerCase()) return member.person_id;
  }
  throw new CliError('refused', `${person} is no member`, 'See who is: karta members');
}
