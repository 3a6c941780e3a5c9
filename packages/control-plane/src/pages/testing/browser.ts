/** A form as a page shows it. */
export interface ShownForm {
  action: string;
  button: string;
  /** Names of what can be typed, and what stands there already. */
  fields: Record<string, string>;
}

export interface ShownPage {
  status: number;
  title: string;
  /** As it is read: without tags. */
  text: string;
  html: string;
  forms: ShownForm[];
  headers: Headers;
}

/** A browser without scripts: it keeps cookies, follows redirects and sends forms with their origin. */
export class Browser {
  readonly #url: string;
  readonly #origin: string;
  readonly #cookies = new Map<string, string>();

  /** `origin` is where the server says that it is. */
  constructor(url: string, origin: string = url) {
    this.#url = url;
    this.#origin = origin;
  }

  get(path: string): Promise<ShownPage> {
    return this.#go(path, { method: 'GET' });
  }

  /** Fills in the form with that button, and sends it. */
  send(page: ShownPage, button: string, typed: Record<string, string> = {}): Promise<ShownPage> {
    const form = page.forms.find((one) => one.button === button);
    if (form === undefined) throw new Error(`no button "${button}" on: ${page.text}`);
    const unknown = Object.keys(typed).filter((name) => !(name in form.fields));
    if (unknown.length > 0) throw new Error(`no fields ${unknown} beside "${button}"`);
    return this.post(form.action, { ...form.fields, ...typed });
  }

  post(
    path: string,
    fields: Record<string, string>,
    headers: Record<string, string> = { origin: this.#origin },
  ): Promise<ShownPage> {
    return this.#go(path, { method: 'POST', body: new URLSearchParams(fields), headers });
  }

  async #go(path: string, init: RequestInit): Promise<ShownPage> {
    const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const answer = await fetch(`${this.#url}${path}`, {
      ...init,
      redirect: 'manual',
      headers: { ...init.headers, ...(cookie === '' ? {} : { cookie }) },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [pair = ''] = line.split(';');
      const [name = '', value = ''] = pair.split(/=(.*)/s);
      if (/max-age=0/i.test(line)) this.#cookies.delete(name);
      else this.#cookies.set(name, value);
    }
    const html = await answer.text();
    const location = answer.headers.get('location');
    if (answer.status === 303 && location !== null) return this.get(location);
    return { status: answer.status, html, ...read(html), headers: answer.headers };
  }
}

function read(html: string): Pick<ShownPage, 'title' | 'text' | 'forms'> {
  const forms = [...html.matchAll(/<form method="post" action="([^"]*)">(.*?)<\/form>/gs)];
  return {
    title: plain(/<h1>(.*?)<\/h1>/s.exec(html)?.[1] ?? ''),
    text: plain(html.replace(/<(style|script)>.*?<\/\1>/gs, '')),
    forms: forms.map(([, action = '', inner = '']) => ({
      action,
      button: plain(/<button>(.*?)<\/button>/s.exec(inner)?.[1] ?? ''),
      fields: Object.fromEntries(
        [...inner.matchAll(/<input\b[^>]*>/g)].map(([input]) => [
          plain(/ name="([^"]*)"/.exec(input)?.[1] ?? ''),
          plain(/ value="([^"]*)"/.exec(input)?.[1] ?? ''),
        ]),
      ),
    })),
  };
}

function plain(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
    .trim();
}
