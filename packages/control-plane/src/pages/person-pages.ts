import type { Logger } from 'pino';
import type { Mount } from '../http/app.ts';
import type { Invitations } from '../identity/invitations.ts';
import type { Login } from '../identity/login.ts';
import type { LoginMount } from '../identity/login-mount.ts';
import { devicePage } from './device-page.ts';
import { seeOther } from './frame.ts';
import { html } from './html.ts';
import { invitationPage, joinedPage } from './invitation-page.ts';
import { loginForms } from './login-forms.ts';
import { pageMounts } from './page-mount.ts';
import { passwordPages } from './password-pages.ts';
import { secondFactorPage } from './second-factor-page.ts';
import { signInPages } from './sign-in-pages.ts';

export interface PersonPagesParts {
  login: Login;
  mount: LoginMount;
  invitations: Invitations;
  origin: string;
  /** Whether mail is sent: then addresses are confirmed, and lost passwords reset, by it. */
  mails: boolean;
  log: Logger;
}

/** The pages behind people's links: signing in, invitations, passwords, programs that sign in. */
export function personPages(parts: PersonPagesParts): Mount[] {
  const { login, mount, invitations, mails, log } = parts;
  const origin = () => parts.origin;
  const forms = loginForms({ login, mount, origin });
  return pageMounts({
    origin,
    log,
    pages: [
      ...signInPages({
        forms,
        hint: html`<p><a href="/forgot-password">Forgot your password?</a></p>`,
        after: async (_, errand, account) =>
          errand.name === 'invitation'
            ? joinedPage(invitations, account, errand.value)
            : seeOther(`/device?user_code=${encodeURIComponent(errand.value)}`),
      }),
      secondFactorPage(forms),
      ...passwordPages(forms, mails),
      devicePage(forms),
      invitationPage({ forms, invitations, confirms: mails }),
    ],
  });
}
