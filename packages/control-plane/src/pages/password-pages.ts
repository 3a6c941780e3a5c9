import { alert, form, NEW_PASSWORD, tokenField } from './form.ts';
import { pageAnswer } from './frame.ts';
import { html } from './html.ts';
import { tokenIn } from './link-token.ts';
import type { LoginForms } from './login-forms.ts';
import { orAgain, type PageHandler } from './page-mount.ts';

/** A new password by the link that was mailed, or that an operator made. */
export function passwordPages(forms: LoginForms, mails: boolean): PageHandler[] {
  return [
    {
      path: '/reset-password',
      get: () => resetPage('', null, 200),
      post(visit) {
        const token = tokenIn(visit.field('token'));
        return orAgain(
          async () => {
            await forms.step(visit, '/reset-password', {
              token,
              newPassword: visit.field('password'),
            });
            return pageAnswer({
              title: 'Your password is changed',
              body: html`<p>Whoever was signed in with the former one is signed out.</p>
<p><a href="/sign-in">Sign in</a></p>`,
            });
          },
          (problem, status) => resetPage(token, problem, status),
        );
      },
    },
    {
      path: '/forgot-password',
      get: () => forgotPage(mails),
      async post(visit) {
        await forms.step(visit, '/request-password-reset', { email: visit.field('email') });
        return pageAnswer({
          title: 'Look into your mail',
          body: html`<p>If there is an account of that address, a link is on its way.</p>`,
        });
      },
    },
  ];
}

function resetPage(token: string, problem: string | null, status: number): Response {
  const body = form('/reset-password', [tokenField(token), NEW_PASSWORD], 'Change it');
  return pageAnswer({
    title: 'Choose a new password',
    status,
    takesToken: true,
    body: html`${alert(problem)}${body}`,
  });
}

function forgotPage(mails: boolean): Response {
  const email = {
    name: 'email',
    label: 'E-mail',
    type: 'email',
    autocomplete: 'username',
  } as const;
  return pageAnswer({
    title: 'A forgotten password',
    body: mails
      ? form('/forgot-password', [email], 'Send me a link')
      : html`<p>This server sends no mail. Whoever runs it can make a link for you.</p>`,
  });
}
