import { createHash } from 'node:crypto';
import { Html, html } from './html.ts';

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 26rem; margin: 10vh auto; padding: 0 1rem }
h1 { font-size: 1.4rem } h2 { font-size: 1.1rem; margin-top: 2rem }
label { display: block; margin: .8rem 0 .2rem }
input { width: 100%; box-sizing: border-box; font: inherit; padding: .4rem }
button { font: inherit; padding: .4rem 1rem; margin: 1rem .5rem 0 0 }
code { font-size: 1.1rem; overflow-wrap: anywhere }
[role=alert] { border-left: .3rem solid #c33; padding-left: .7rem }
svg { max-width: 14rem; background: #fff }
`;

/** Takes the token out of the address, where no server and no history sees it, into the form. */
const FRAGMENT_SCRIPT = `
const found = /[#&]token=([^&]+)/.exec(location.hash);
if (found) {
  const input = document.querySelector('input[name=token]');
  input.value = decodeURIComponent(found[1]);
  input.parentElement.hidden = true;
  history.replaceState(null, '', location.pathname);
}
`;

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** Nothing is loaded, run or framed but what stands here; forms lead to this server alone. */
const POLICY = [
  "default-src 'none'",
  `style-src ${hashOf(STYLE)}`,
  `script-src ${hashOf(FRAGMENT_SCRIPT)}`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

export interface Page {
  title: string;
  body: Html;
  status?: number;
  /** It has a field for the token of a link. */
  takesToken?: boolean;
  /** `Set-Cookie` lines to pass on. */
  cookies?: readonly string[];
  headers?: Readonly<Record<string, string>>;
}

/** A page as an answer. It works without a script; the only one fills in a link's token. */
export function pageAnswer(page: Page): Response {
  const { text } = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${page.title} · Karta</title>
<meta name="viewport" content="width=device-width"><style>${new Html(STYLE)}</style></head>
<body><h1>${page.title}</h1>
${page.body}
${page.takesToken ? html`<script>${new Html(FRAGMENT_SCRIPT)}</script>` : null}
</body></html>
`;
  return new Response(text, {
    status: page.status ?? 200,
    headers: headersOf(page, { 'content-type': 'text/html; charset=utf-8' }),
  });
}

/** To another page of this server, by GET. */
export function seeOther(path: string, cookies: readonly string[] = []): Response {
  return new Response(null, { status: 303, headers: headersOf({ cookies }, { location: path }) });
}

function headersOf(
  { cookies = [], headers = {} }: Pick<Page, 'cookies' | 'headers'>,
  own: Record<string, string>,
): Headers {
  const all = new Headers({
    ...own,
    'cache-control': 'no-store',
    'content-security-policy': POLICY,
    'cross-origin-opener-policy': 'same-origin',
    // With less a browser would not say where a form comes from.
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    ...headers,
  });
  for (const line of cookies) all.append('set-cookie', line);
  return all;
}
