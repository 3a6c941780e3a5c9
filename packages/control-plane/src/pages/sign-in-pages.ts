import { alert, CODE, form, PASSWORD } from './form.ts';
import { pageAnswer, seeOther } from './frame.ts';
import { html } from './html.ts';
import { type Account, accountOf, type LoginForms, type LoginStep } from './login-forms.ts';
import { orAgain, type PageHandler, type Visit } from './page-mount.ts';

/** What is carried through signing in: why somebody does it. */
export const ERRANDS = ['user_code', 'invitation'] as const;
export type Errand = { name: (typeof ERRANDS)[number]; value: string } | null;

export interface SignInParts {
  forms: LoginForms;
  /** What comes after it, when somebody had an errand. */
  after(visit: Visit, errand: NonNullable<Errand>, account: Account): Promise<Response>;
  /** A line below the form, such as where a password is reset. */
  hint: ReturnType<typeof html> | null;
}

/** Signing in with a password and a second factor, and out again. */
export function signInPages(parts: SignInParts): PageHandler[] {
  const { forms } = parts;

  /** Once a step has signed somebody in, or asks for the second factor. */
  async function arrived(visit: Visit, step: LoginStep, errand: Errand): Promise<Response> {
    const account = accountOf(step);
    if (account === null) return codePage(errand, null, 200, step.cookies);
    if (errand === null) return seeOther('/sign-in', step.cookies);
    const answer = await parts.after(visit, errand, account);
    for (const line of step.cookies) answer.headers.append('set-cookie', line);
    return answer;
  }

  return [
    {
      path: '/sign-in',
      async get(visit) {
        const visitor = await forms.visitor(visit);
        if (visitor === null) return signInPage(parts, errandIn(visit), null, 200, '');
        const factor = visitor.secondFactor
          ? html`A second factor is asked for when you sign in.`
          : html`<a href="/second-factor">Set up a second factor</a>`;
        return pageAnswer({
          title: 'You are signed in',
          body: html`<p>As <b>${visitor.email}</b>. ${factor}</p>${form('/sign-out', [], 'Sign out')}`,
        });
      },
      post(visit) {
        const errand = errandIn(visit);
        const [email, password] = [visit.field('email'), visit.field('password')];
        return orAgain(
          async () =>
            arrived(visit, await forms.step(visit, '/sign-in/email', { email, password }), errand),
          (problem, status) => signInPage(parts, errand, problem, status, email),
        );
      },
    },
    {
      path: '/sign-in/code',
      post(visit) {
        const errand = errandIn(visit);
        const code = visit.field('code');
        // An authenticator's code is six digits; a backup code is something else.
        const way = /^\d{6}$/.test(code) ? 'verify-totp' : 'verify-backup-code';
        return orAgain(
          async () =>
            arrived(visit, await forms.step(visit, `/two-factor/${way}`, { code }), errand),
          (problem, status) => codePage(errand, problem, status),
        );
      },
    },
    {
      path: '/sign-out',
      async post(visit) {
        const { cookies } = await forms.step(visit, '/sign-out', {});
        return seeOther('/sign-in', cookies);
      },
    },
  ];
}

function signInPage(
  { hint }: SignInParts,
  errand: Errand,
  problem: string | null,
  status: number,
  email: string,
): Response {
  const who = { name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username' } as const;
  return pageAnswer({
    title: 'Sign in',
    status,
    body: html`${alert(problem)}
${form('/sign-in', [{ ...who, value: email }, PASSWORD], 'Sign in', hiddenOf(errand))}${hint}`,
  });
}

function codePage(
  errand: Errand,
  problem: string | null,
  status: number,
  cookies: readonly string[] = [],
): Response {
  return pageAnswer({
    title: 'Your second factor',
    status,
    cookies,
    body: html`${alert(problem)}${form('/sign-in/code', [CODE], 'Go on', hiddenOf(errand))}`,
  });
}

function errandIn({ url, field }: Visit): Errand {
  for (const name of ERRANDS) {
    const value = field(name) || (url.searchParams.get(name) ?? '');
    if (value !== '') return { name, value };
  }
  return null;
}

function hiddenOf(errand: Errand): Record<string, string> {
  return errand === null ? {} : { [errand.name]: errand.value };
}
