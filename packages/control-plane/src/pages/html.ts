/** Text that is HTML already: every value in it was escaped when it was put there. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Value = string | number | Html | null | readonly Html[];

/** HTML with values, each escaped unless it is HTML itself; `null` stands for nothing. */
export function html(parts: TemplateStringsArray, ...values: Value[]): Html {
  const text = parts.map((part, at) => part + (at < values.length ? textOf(values[at]) : ''));
  return new Html(text.join(''));
}

function textOf(value: Value | undefined): string {
  if (value === null || value === undefined) return '';
  if (value instanceof Html) return value.text;
  if (Array.isArray(value)) return value.map((one: Html) => one.text).join('');
  return escaped(String(value));
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? '');
}
