import { validBody } from '@karta/http';
import { enrollBody } from '@karta/protocol';
import type { Logger } from 'pino';
import type { Mount } from '../http/app.ts';
import type { Login } from '../identity/login.ts';
import type { LoginMount } from '../identity/login-mount.ts';
import type { Operators } from '../operator/operators.ts';
import { alert, form, NEW_PASSWORD, tokenField } from './form.ts';
import { pageAnswer, seeOther } from './frame.ts';
import { html } from './html.ts';
import { tokenIn } from './link-token.ts';
import { type LoginForms, loginForms } from './login-forms.ts';
import { orAgain, type PageHandler, pageMounts } from './page-mount.ts';
import { secondFactorPage } from './second-factor-page.ts';
import { signInPages } from './sign-in-pages.ts';

export interface OperatorPagesParts {
  login: Login;
  mount: LoginMount;
  operators: Pick<Operators, 'enroll'>;
  origin(): string;
  log: Logger;
}

/** The pages of the admin plane: becoming an operator, signing in, the second factor. */
export function operatorPages(parts: OperatorPagesParts): Mount[] {
  const { login, mount, operators, origin, log } = parts;
  const forms = loginForms({ login, mount, origin });
  return pageMounts({
    origin,
    log,
    pages: [
      // Operators have no errands.
      ...signInPages({ forms, hint: null, after: async () => seeOther('/sign-in') }),
      secondFactorPage(forms),
      enrollPage(forms, operators),
    ],
  });
}

/** Where the one-time link leads: an account, and on to its second factor. */
function enrollPage(forms: LoginForms, operators: Pick<Operators, 'enroll'>): PageHandler {
  return {
    path: '/enroll',
    get: () => shown({ token: '', email: '', name: '' }, null, 200),
    post(visit) {
      const given = {
        token: tokenIn(visit.field('token')),
        email: visit.field('email'),
        name: visit.field('name'),
      };
      const password = visit.field('password');
      return orAgain(
        async () => {
          const { email } = await operators.enroll(validBody(enrollBody, { ...given, password }));
          const { cookies } = await forms.step(visit, '/sign-in/email', { email, password });
          return seeOther('/second-factor', cookies);
        },
        (problem, status) => shown(given, problem, status),
      );
    },
  };
}

function shown(
  { token, email, name }: { token: string; email: string; name: string },
  problem: string | null,
  status: number,
): Response {
  const fields = [
    tokenField(token),
    { name: 'name', label: 'Your name', autocomplete: 'name', value: name },
    { name: 'email', label: 'E-mail', type: 'email', autocomplete: 'username', value: email },
    NEW_PASSWORD,
  ] as const;
  return pageAnswer({
    title: 'Become an operator of this server',
    status,
    takesToken: true,
    body: html`${alert(problem)}${form('/enroll', fields, 'Go on')}`,
  });
}
