import { z } from 'zod';
import { form } from './form.ts';
import { pageAnswer, seeOther } from './frame.ts';
import { html } from './html.ts';
import type { LoginForms } from './login-forms.ts';
import { orAgain, type PageHandler } from './page-mount.ts';

const asked = z.object({ status: z.string(), client_id: z.string().optional() });

/** Where a person lets a program sign in as them, by the code that it shows. */
export function devicePage(forms: LoginForms): PageHandler {
  return {
    path: '/device',
    async get(visit) {
      const code = visit.url.searchParams.get('user_code') ?? '';
      const visitor = await forms.visitor(visit);
      if (visitor === null) {
        return seeOther(`/sign-in${code === '' ? '' : `?user_code=${encodeURIComponent(code)}`}`);
      }
      if (code === '') return codePage(null, 200);
      return orAgain(async () => {
        // It binds the question to this person: nobody else can answer it from now on.
        const path = `/device?user_code=${encodeURIComponent(code)}`;
        const { status, client_id } = asked.parse((await forms.step(visit, path)).body);
        if (status !== 'pending' || client_id === undefined) {
          return pageAnswer({ title: 'This was answered already', body: html`` });
        }
        return questionPage(code, visitor.email);
      }, codePage);
    },
    async post(visit) {
      const userCode = visit.field('user_code');
      if ((await forms.visitor(visit)) === null) {
        return seeOther(`/sign-in?user_code=${encodeURIComponent(userCode)}`);
      }
      const answer = visit.field('answer');
      if (answer !== 'approve' && answer !== 'deny') {
        return seeOther(`/device?user_code=${encodeURIComponent(userCode)}`);
      }
      return orAgain(async () => {
        await forms.step(visit, `/device/${answer}`, { userCode });
        return answer === 'approve'
          ? pageAnswer({
              title: 'The program is signed in',
              body: html`<p>You may close this page and go back to it.</p>`,
            })
          : pageAnswer({ title: 'The program was refused', body: html`<p>Nothing was done.</p>` });
      }, codePage);
    },
  };
}

function questionPage(code: string, email: string): Response {
  return pageAnswer({
    title: 'Let a program act as you?',
    body: html`<p>The <code>karta</code> command somewhere asks to sign in as <b>${email}</b>. Go on
only if you have just started it yourself and it shows this code:</p><p><code>${code}</code></p>
${form('/device', [], 'Let it sign in', { user_code: code, answer: 'approve' })}
${form('/device', [], 'Refuse', { user_code: code, answer: 'deny' })}`,
  });
}

function codePage(problem: string | null, status: number): Response {
  const field = { name: 'user_code', label: 'The code that the program shows' };
  return pageAnswer({
    title: 'Sign a program in',
    status,
    body: html`${problem === null ? null : html`<p role="alert">${problem}</p>`}
${form('/device', [field], 'Go on')}`,
  });
}
