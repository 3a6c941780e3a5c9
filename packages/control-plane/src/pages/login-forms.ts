import { z } from 'zod';
import type { Login } from '../identity/login.ts';
import type { LoginMount } from '../identity/login-mount.ts';
import { signedInUser } from '../identity/person-authenticator.ts';
import type { Visit } from './page-mount.ts';

/** Whoever has signed in. */
export interface Account {
  id: string;
  email: string;
}

/** What a form's step has done: its answer, and the cookies that the browser must get. */
export interface LoginStep {
  body: unknown;
  cookies: string[];
}

/** What pages do with people's logins: the same routes as programs call, with the same limits. */
export interface LoginForms {
  /** Calls a route of the login for a visitor. Throws `KartaError` as that route does. */
  step(visit: Visit, path: string, body?: Readonly<Record<string, unknown>>): Promise<LoginStep>;
  /** Who visits, by the browser's cookie; `null` for nobody. */
  visitor(visit: Visit): Promise<(Account & { secondFactor: boolean }) | null>;
}

export interface LoginFormsParts {
  login: Login;
  mount: LoginMount;
  origin(): string;
}

export function loginForms({ login, mount, origin }: LoginFormsParts): LoginForms {
  return {
    async step(visit, path, body) {
      // The form came from a page of ours: the mount takes what names no origin for its own.
      const headers = new Headers();
      for (const name of ['cookie', 'user-agent', 'x-forwarded-for']) {
        const value = visit.request.headers.get(name);
        if (value !== null) headers.set(name, value);
      }
      if (body !== undefined) headers.set('content-type', 'application/json');
      const request = new Request(new URL(`${mount.prefix}${path}`, visit.url), {
        method: body === undefined ? 'GET' : 'POST',
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      const answer = await mount.fetch(request, visit.incoming);
      return {
        body: await answer.json().catch(() => null),
        cookies: answer.headers.getSetCookie(),
      };
    },
    async visitor({ request }) {
      const cookie = request.headers.get('cookie');
      if (cookie === null) return null;
      const get = (name: string) => (name === 'cookie' ? cookie : null);
      const user = await signedInUser(login, { get }, origin());
      return user && { id: user.id, email: user.email, secondFactor: user.twoFactorEnabled };
    },
  };
}

const signedIn = z.object({ user: z.object({ id: z.string(), email: z.string() }) });
const needsCode = z.object({ twoFactorRedirect: z.literal(true) });

/** Who has signed in by a step; `null` when a second factor is still missing. */
export function accountOf({ body }: LoginStep): Account | null {
  if (needsCode.safeParse(body).success) return null;
  return signedIn.parse(body).user;
}
