import { renderSVG } from 'uqr';
import { z } from 'zod';
import { alert, CODE, form, PASSWORD } from './form.ts';
import { pageAnswer, seeOther } from './frame.ts';
import { Html, html } from './html.ts';
import type { LoginForms } from './login-forms.ts';
import { orAgain, type PageHandler } from './page-mount.ts';

const enabled = z.object({ totpURI: z.url(), backupCodes: z.array(z.string()) });

/** Setting up an authenticator: the password, then what to scan, then its first code. */
export function secondFactorPage(forms: LoginForms): PageHandler {
  return {
    path: '/second-factor',
    async get(visit) {
      const visitor = await forms.visitor(visit);
      if (visitor === null) return seeOther('/sign-in');
      if (visitor.secondFactor) return done();
      return begin(null, 200);
    },
    async post(visit) {
      if ((await forms.visitor(visit)) === null) return seeOther('/sign-in');
      const code = visit.field('code');
      if (code === '') {
        return orAgain(async () => {
          const password = visit.field('password');
          const { body, cookies } = await forms.step(visit, '/two-factor/enable', { password });
          const { totpURI, backupCodes } = enabled.parse(body);
          return scan(totpURI, backupCodes, cookies);
        }, begin);
      }
      return orAgain(async () => {
        const { cookies } = await forms.step(visit, '/two-factor/verify-totp', { code });
        return done(cookies);
      }, again);
    },
  };
}

function begin(problem: string | null, status: number): Response {
  return pageAnswer({
    title: 'Set up a second factor',
    status,
    body: html`${alert(problem)}
<p>An authenticator, an app on your phone, then shows a code that is asked for when you sign in.</p>
${form('/second-factor', [PASSWORD], 'Go on')}`,
  });
}

function scan(uri: string, backupCodes: readonly string[], cookies: readonly string[]): Response {
  const secret = new URL(uri).searchParams.get('secret') ?? '';
  return pageAnswer({
    title: 'Scan this with your authenticator',
    cookies,
    body: html`<p>${new Html(renderSVG(uri))}</p>
<p>Or type this in: <code>${secret}</code></p>
<h2>Backup codes</h2><p>Each works once when you have lost the authenticator. They are shown only
here: keep them.</p><p><code>${backupCodes.join(' ')}</code></p>
${form('/second-factor', [{ ...CODE, label: 'The code it shows now', inputmode: 'numeric' }], 'Finish')}`,
  });
}

function again(problem: string, status: number): Response {
  const code = { ...CODE, label: 'The code it shows now', inputmode: 'numeric' } as const;
  return pageAnswer({
    title: 'That code is not the one',
    status,
    body: html`${alert(problem)}${form('/second-factor', [code], 'Try again')}
<p><a href="/second-factor">Begin anew</a></p>`,
  });
}

function done(cookies: readonly string[] = []): Response {
  return pageAnswer({
    title: 'Your second factor is set up',
    cookies,
    body: html`<p>It is asked for when you sign in.</p><p><a href="/sign-in">Go on</a></p>`,
  });
}
