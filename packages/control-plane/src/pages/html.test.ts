import fc from 'fast-check';
import { expect, it } from 'vitest';
import { html } from './html.ts';

it('no value can leave its place, as text or in an attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'<>"\'&a =/') }), (value) => {
      const { text } = html`<p title="${value}">${value}</p>`;
      const [, title, inner] = /^<p title="([^"]*)">([^<]*)<\/p>$/.exec(text) ?? [];
      const back = (escaped = '') =>
        escaped
          .replaceAll('&lt;', '<')
          .replaceAll('&gt;', '>')
          .replaceAll('&quot;', '"')
          .replaceAll('&#39;', "'")
          .replaceAll('&amp;', '&');
      expect([back(title), back(inner)]).toEqual([value, value]);
    }),
  );
});

it('HTML in HTML stays, null is nothing', () => {
  expect(html`<p>${html`<b>${1}</b>`}${null}${[html`<i></i>`, html`<i></i>`]}</p>`.text).toBe(
    '<p><b>1</b><i></i><i></i></p>',
  );
});
