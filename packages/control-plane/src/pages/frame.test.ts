import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { form, tokenField } from './form.ts';
import { pageAnswer, seeOther } from './frame.ts';
import { html } from './html.ts';

/** What the page's one script does with an address, on the few objects that it uses. */
async function fillIn(hash: string) {
  const answer = pageAnswer({
    title: 'A link',
    body: form('/x', [tokenField()], 'Go on'),
    takesToken: true,
  });
  const script = /<script>(.*?)<\/script>/s.exec(await answer.text())?.[1] ?? '';
  const input = { value: '', parentElement: { hidden: false } };
  const addresses: string[] = [];
  runInNewContext(script, {
    decodeURIComponent,
    location: { hash, pathname: '/x' },
    document: { querySelector: (of: string) => (of === 'input[name=token]' ? input : null) },
    history: { replaceState: (_: unknown, __: string, path: string) => addresses.push(path) },
  });
  return { token: input.value, hidden: input.parentElement.hidden, addresses };
}

it('takes the token out of the address into the form', async () => {
  expect(await fillIn('#token=a%2Bb-_')).toEqual({
    token: 'a+b-_',
    hidden: true,
    addresses: ['/x'],
  });
  expect(await fillIn('')).toEqual({ token: '', hidden: false, addresses: [] });
});

it('is without a script where there is no token to take', async () => {
  const text = await pageAnswer({ title: '<Title>', body: html`<p>x</p>` }).text();
  expect(text).not.toContain('<script');
  expect(text).toContain('<h1>&lt;Title&gt;</h1>');
});

it('passes every cookie on, and leads to this server alone', () => {
  const answer = seeOther('/sign-in', ['a=1; HttpOnly', 'b=2']);
  expect(answer.status).toBe(303);
  expect(answer.headers.get('location')).toBe('/sign-in');
  expect(answer.headers.getSetCookie()).toEqual(['a=1; HttpOnly', 'b=2']);
  expect(answer.headers.get('content-security-policy')).toContain("form-action 'self'");
});
