import { type Html, html } from './html.ts';

export interface Field {
  name: string;
  label: string;
  type?: 'text' | 'email' | 'password';
  autocomplete?: string;
  value?: string;
  /** `numeric` brings the keys of a phone that a code needs. */
  inputmode?: 'numeric';
  minlength?: number;
}

/** A form that is sent to `action` by POST, with what it must carry along. */
export function form(
  action: string,
  fields: readonly Field[],
  button: string,
  hidden: Readonly<Record<string, string | null>> = {},
): Html {
  const carried = Object.entries(hidden).flatMap(([name, value]) =>
    value === null ? [] : [html`<input type="hidden" name="${name}" value="${value}">`],
  );
  return html`<form method="post" action="${action}">${carried}${fields.map(shown)}
<button>${button}</button></form>`;
}

function shown(field: Field): Html {
  const { name, label, type = 'text', autocomplete = 'off', value = '', inputmode } = field;
  const minlength = field.minlength === undefined ? null : html` minlength="${field.minlength}"`;
  const keys = inputmode === undefined ? null : html` inputmode="${inputmode}"`;
  return html`<p><label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" autocomplete="${autocomplete}" value="${value}"${minlength}${keys} required></p>`;
}

/** What went wrong, above a form. */
export function alert(problem: string | null): Html | null {
  return problem === null ? null : html`<p role="alert">${problem}</p>`;
}

/** The field of a link's token; a script fills it in where scripts run. */
export function tokenField(value = ''): Field {
  return { name: 'token', label: 'The link, or what follows #token= in it', value };
}

export const NEW_PASSWORD: Field = {
  name: 'password',
  label: 'New password (10 characters or more)',
  type: 'password',
  autocomplete: 'new-password',
  minlength: 10,
};
export const PASSWORD: Field = {
  name: 'password',
  label: 'Password',
  type: 'password',
  autocomplete: 'current-password',
};
export const CODE: Field = {
  name: 'code',
  label: 'Code of your authenticator, or a backup code',
  autocomplete: 'one-time-code',
};
