import { KartaError } from '@karta/protocol';
import type { InspectedInvitation, Invitations } from '../identity/invitations.ts';
import { alert, form, NEW_PASSWORD, PASSWORD, tokenField } from './form.ts';
import { pageAnswer } from './frame.ts';
import { html } from './html.ts';
import { tokenIn } from './link-token.ts';
import { type Account, accountOf, type LoginForms } from './login-forms.ts';
import { orAgain, type PageHandler, type Visit } from './page-mount.ts';

export interface InvitationPageParts {
  forms: LoginForms;
  invitations: Pick<Invitations, 'inspect' | 'accept'>;
  /** Addresses are confirmed by mail before their first sign-in. */
  confirms: boolean;
}

const PATH = '/invitations/accept';

/** Where the link of an invitation leads: sign in or make an account, and join. */
export function invitationPage(parts: InvitationPageParts): PageHandler {
  const { forms, invitations } = parts;

  /** What there is to do for whoever visits. */
  async function offer(visit: Visit, token: string, problem: string | null, status: number) {
    const invitation = await invitations.inspect(token);
    const visitor = await forms.visitor(visit);
    return offerPage(token, invitation, visitor, problem, status);
  }

  async function signUp(visit: Visit, token: string): Promise<Response> {
    const { email } = await invitations.inspect(token);
    const password = visit.field('password');
    await forms.step(visit, '/sign-up/email', {
      email,
      password,
      name: visit.field('name'),
      invitation: token,
    });
    if (parts.confirms) {
      return pageAnswer({
        title: 'Confirm your address',
        body: html`<p>A mail to ${email} says how. Then open the link of the invitation again.</p>`,
      });
    }
    const step = await forms.step(visit, '/sign-in/email', { email, password });
    const account = accountOf(step);
    // An address that had an account answers a sign-up like any other.
    if (account === null) throw new KartaError('sign_in_failed', 'You have an account: sign in.');
    const joined = await joinedPage(invitations, account, token);
    for (const line of step.cookies) joined.headers.append('set-cookie', line);
    return joined;
  }

  return {
    path: PATH,
    get: () =>
      pageAnswer({
        title: 'An invitation',
        takesToken: true,
        body: form(PATH, [tokenField()], 'Open it'),
      }),
    async post(visit) {
      const token = tokenIn(visit.field('token'));
      const step = visit.field('step');
      return orAgain(
        async () => {
          if (step === 'sign-up') return signUp(visit, token);
          const visitor = step === 'join' ? await forms.visitor(visit) : null;
          if (visitor !== null) return joinedPage(invitations, visitor, token);
          return offer(visit, token, null, 200);
        },
        (problem, status) =>
          pageAnswer({
            title: 'This did not work',
            status,
            body: html`${alert(problem)}${form(PATH, [], 'Open the invitation again', { token })}`,
          }),
      );
    },
  };
}

/** Makes somebody a member, and says so. */
export async function joinedPage(
  invitations: Pick<Invitations, 'accept'>,
  account: Account,
  token: string,
): Promise<Response> {
  const org = await invitations.accept(account, token);
  return pageAnswer({
    title: `You are in ${org.name}`,
    body: html`<p>As ${org.role}, signed in as ${account.email}.</p>
<p>In a terminal: <code>karta login</code>, then <code>karta orgs use ${org.slug}</code></p>`,
  });
}

function offerPage(
  token: string,
  { org, email, role }: InspectedInvitation,
  visitor: Account | null,
  problem: string | null,
  status: number,
): Response {
  const name = { name: 'name', label: 'Your name', autocomplete: 'name' };
  const choices =
    visitor === null
      ? html`<h2>You have an account</h2>
${form('/sign-in', [PASSWORD], 'Sign in and join', { email, invitation: token })}
<h2>You have none yet</h2>
${form(PATH, [name, NEW_PASSWORD], 'Make an account and join', { token, step: 'sign-up' })}`
      : visitor.email.toLowerCase() === email
        ? form(PATH, [], 'Join', { token, step: 'join' })
        : html`<p role="alert">You are signed in as ${visitor.email}, and the invitation is for
${email}.</p>${form('/sign-out', [], 'Sign out')}`;
  return pageAnswer({
    title: `Join ${org.name}`,
    status,
    body: html`${alert(problem)}<p>${email} is invited to ${org.name} as ${role}.</p>${choices}`,
  });
}
